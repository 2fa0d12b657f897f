"""A run's area mapped by one of its models: images of pixels, and a table of parcels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.formats.atomic import whole_folder
from agrispec.grid import Grid
from agrispec.taxonomy import NO_CLASS
from agrispec_tf import model_folder, picture, predict, run_models
from agrispec_tf.data.samples import Series
from agrispec_tf.data.thermal_axis import continued
from exports import manifest, parcels, shards, tiles
from exports.runs import PREDICTION_CARD, Run

_PIXELS = 16384
"""Pixels whose cubes and probabilities are held at a time."""


def run_predict(run: Run, config: Config, model: str, fields: Sequence[Mapping[str, Any]],
                progress: Callable[[float], None]) -> dict[str, Any]:
    """Predict every pixel of a run's patches, and every parcel, into `predictions/`, all of it or nothing.

    Args:
        model: folder name below `model/`.
        fields: parcels as GeoJSON features in degrees; none where there are none.
        progress: told of the share that is done.

    Returns:
        what stands in `prediction.json`, too: model, season, digests, pixels by class, share that is confident, and
        the pixels whose temperatures stop before the model's window does.

    Raises:
        RunError: there is no such model, or no patches.
        SchemaMismatch: the patches are of another cube than the model.
    """
    trained = run_models.load(run, config, model)
    spec, layout = shards.cube_of(run.need(run.patches, "predict")), shards.layout_of(run.patches)
    trained.cube.check_read(spec)
    mixer, side = shards.mixer_of(run.patches), layout.patch
    parcel = tiles.parcel_pixels(fields, layout.grid.padded(side))
    classes: list[NDArray[np.uint8]] = []
    probability: list[NDArray[np.float32]] = []
    sums, done, stopped = predict.ParcelSums.none(len(fields), len(trained.class_names)), 0, 0
    for values, counts, heat in shards.patches(run.patches, spec, max(1, _PIXELS // side**2)):
        places = Series(cube=spec, values=values.reshape(-1, *values.shape[3:]),
                        counts=counts.reshape(-1, counts.shape[-1]),
                        heat=None if heat is None else heat.reshape(-1, heat.shape[-1]))
        stopped += 0 if heat is None else continued(places)
        found = predict.series(trained, places)
        corners = [mixer.corner(done + number) for number in range(len(values))]
        within = np.stack([parcel[row:row + side, column:column + side] for row, column in corners]).ravel()
        sums += predict.parcels(found, within, len(fields))
        classes.append(found.classes.reshape(-1, side, side))
        probability.append(found.probability.reshape(-1, side, side))
        done += len(values)
        progress(done / mixer.total_patches)
    of_fields, threshold = sums.prediction(), config.training.confidence
    rows = parcels.rows(fields, config.labels.parcel_id, trained.class_names, of_fields.classes,
                        of_fields.probability, of_fields.confident(threshold), sums.pixels)
    card = {"model": model, "season": layout.season, "cube": spec.digest, "threshold": threshold,
            "model_digest": model_folder.digest(run.models / model),
            "patches_digest": manifest.digest(run.patches / shards.DESCRIPTION),
            "simulated": manifest.simulated(run.path), "warmth_stops": stopped}
    with whole_folder(run.predictions) as folder:
        return _write(folder, card, config, layout.grid, tiles.assemble(classes, mixer, layout.grid),
                      tiles.assemble(probability, mixer, layout.grid), rows)


def _write(folder: Path, card: dict[str, Any], config: Config, grid: Grid, classes: NDArray[np.uint8],
           probability: NDArray[np.float32], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names, colours = config.taxonomy.names, config.taxonomy.colours
    unseen = classes == NO_CLASS
    confident = np.where(unseen, NO_CLASS, probability >= card["threshold"]).astype(np.uint8)
    tiles.write_class(folder / "class.tif", classes, grid, names, colours)
    tiles.write_probability(folder / "probability.tif", np.where(unseen, tiles.NO_PROBABILITY, probability), grid)
    tiles.write_flag(folder / "confident.tif", confident, grid)
    parcels.write(folder / "parcels.json", rows)
    title = f"Crop map {card['season']} by {card['model']}"
    picture.draw_map(folder / "map.png", classes, probability, names, colours,
                     f"{title} (simulated)" if card["simulated"] else title)
    card |= {"pixels": {name: int((classes == number).sum()) for number, name in enumerate(names)},
             "unseen": int(unseen.sum()), "confident": float((confident == 1).mean()), "parcels": len(rows),
             "class_digest": manifest.digest(folder / "class.tif")}
    (folder / PREDICTION_CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card
