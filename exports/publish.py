"""The map and its parcels into Earth Engine, and the proof that they arrived: the publish stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import shapely

from agrispec.config import Config
from agrispec.engine import Engine, Expression
from agrispec.taxonomy import NO_CLASS
from exports import assets, parcels, predictions, products, storage
from exports.assets import ImageAsset
from exports.runs import Run

Progress = Callable[[str], None]
"""Told of each thing done, in words."""


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def image(self, asset_id: str, missing: float) -> Expression: ...

    def table(self, asset_id: str) -> Expression: ...


def said(card: Mapping[str, Any]) -> dict[str, str | float]:
    """What every asset of a map says of itself.

    Args:
        card: season, model, digests of model and cube, and whether scenes were simulated, as in `prediction.json`.
    """
    return {**{key: card[key] for key in ("season", "model", "model_digest", "cube")},
            "simulated": str(card["simulated"]).lower()}


def said_of_classes(config: Config) -> dict[str, str]:
    """What an image of class numbers says beside: names and colours by number."""
    return {"class_names": ",".join(config.taxonomy.names), "class_palette": ",".join(config.taxonomy.colours)}


def images(run: Run, config: Config, card: Mapping[str, Any]) -> list[ImageAsset]:
    """The images of a run's predictions, a file and an asset each: classes are pyramided by MODE, quantities by MEAN.

    Args:
        card: what `prediction.json` says.
    """
    def image(name: str, pyramiding: str, missing: float, **more: str | float) -> ImageAsset:
        return ImageAsset(asset_id=asset_id(run, config, card["season"], name), band=name,
                          file=run.predictions / f"{name}.tif", pyramiding=pyramiding, missing=missing,
                          properties={**said(card), **more})

    return [image("class", "MODE", NO_CLASS, **said_of_classes(config)),
            image("probability", "MEAN", products.NO_QUANTITY),
            image("confident", "MODE", NO_CLASS, threshold=card["threshold"])]


def publish(run: Run, config: Config, engine: Engine, graphs: Graphs, progress: Progress) -> dict[str, Any]:
    """Ingest class, probability and flag images and the parcels' table, then read all back and compare.

    Returns:
        for the manifest: asset ids with the number of pixels or rows that were compared, and what was published.

    Raises:
        CorruptRecord: the predictions are not whole.
        TaskFailed: an ingestion failed, or what arrived differs.
    """
    card = predictions.card(run.need(run.predictions, "predict"))
    bucket, season = config.engine.bucket, config.season_of(card["season"])
    storage.open(engine, bucket).check()
    engine.create_folder(folder(config))
    compared: dict[str, int] = {}
    for image in images(run, config, card):
        assets.publish_image(engine, bucket, image, season, lambda operation: progress(operation.description))
        compared[image.asset_id] = assets.compare_image(engine, graphs.image(image.asset_id, image.missing), image)
        progress(f"{image.asset_id}: {compared[image.asset_id]} pixels compared, all equal")
    if card["parcels"]:
        found = parcels.read(run.predictions / parcels.FILE)
        rows = [{str(name): value for name, value in row.items()}
                | {"geometry": shapely.geometry.mapping(shapely.from_wkb(row["geometry"]))}
                for row in found.to_dict("records")]
        table = asset_id(run, config, card["season"], "parcels")
        assets.publish_table(engine, bucket, rows, table, {"season": card["season"], "model": card["model"]}, season,
                             lambda operation: progress(operation.description))
        compared[table] = assets.compare_table(engine, graphs.table(table), rows, config.labels.parcel_id)
        progress(f"{table}: {compared[table]} parcels compared, all equal")
    return {"compared": compared, "class_digest": card["class_digest"]}


def folder(config: Config) -> str:
    """The asset folder of the maps."""
    return f"projects/{config.engine.project}/assets/{config.engine.folder}"


def asset_id(run: Run, config: Config, season: int, name: str) -> str:
    """The id of one of the assets of a run's map of a season."""
    return f"{folder(config)}/{run.path.resolve().name}_{season}_{name}"
