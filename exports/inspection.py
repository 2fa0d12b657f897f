"""What a file or a folder is, in a few lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agrispec.errors import CorruptRecord, DataError
from agrispec.formats import example, geotiff
from exports import manifest, runs, samples, shards


def describe(path: Path) -> Iterator[str]:
    """Lines that tell what a run, a model's folder, a folder of shards, a shard or an image holds.

    Raises:
        DataError: `path` is none of these.
        CorruptRecord: it is one of them, and damaged.
    """
    if path.is_dir() and (path / "agrispec.toml").exists():
        yield from _run(path)
    elif path.is_dir() and (path / runs.MODEL_CARD).exists():
        yield from _model(path)
    elif path.is_dir() and (path / shards.DESCRIPTION).exists():
        yield from _folder(path)
    elif path.name.endswith((".tfrecord", ".tfrecord.gz")):
        yield from _shard(path)
    elif path.suffix in (".tif", ".tiff"):
        yield from _image(path)
    else:
        raise DataError(f"{path} is neither a run, a model, a folder of shards, a shard nor a GeoTIFF",
                        mend="name one of these; shards end in .tfrecord.gz, images in .tif")


def _run(path: Path) -> Iterator[str]:
    run = runs.open(path)
    config = run.config
    yield f"run {path}: {len(config.area.resolved)} cells, seasons {', '.join(map(str, config.season.source))}" \
          f" -> {config.season.target}, {len(config.classes)} classes, cube {config.spec.digest}"
    if run.samples.exists():
        table = samples.read(run.samples)
        for (season, fold), group in table.groupby(["season", "fold"], sort=True):
            yield f"  {season} {fold}: {len(group)} samples in {group['cell'].nunique()} cells"
    for stage, did in manifest.read(path)["stages"].items():
        yield f"  {stage}: finished {did.get('finished', 'at an unknown time')}"


def _model(path: Path) -> Iterator[str]:
    try:
        card = json.loads((path / runs.MODEL_CARD).read_text(encoding="utf-8"))
        training = card["training"]
        lines = [f"model {path}: {card['architecture']} on cube {card['cube_digest']},"
                 f" classes {', '.join(card['classes'])}",
                 f"  seed {training['seed']}, {_learnt(training)}"]
        if origin := training.get("from"):
            lines.append(f"  fine-tuned from {origin['model']} ({origin['digest']}),"
                         f" classes {', '.join(origin['classes'])}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptRecord(f"{path / runs.MODEL_CARD} does not describe a model ({error})",
                            mend="train it again, or restore the folder") from error
    yield from lines


def _learnt(training: Mapping[str, Any]) -> str:
    if "trees" in training:
        return (f"{training['trees']} trees of {training['nodes']} nodes,"
                f" {training['training_samples']} training samples")
    return (f"best epoch {training['best_epoch']}, {training['training_samples']} training and"
            f" {training['validation_samples']} validation samples")


def _folder(path: Path) -> Iterator[str]:
    spec = shards.cube_of(path)
    files = sorted(path.rglob("*.tfrecord.gz"))
    yield f"{len(files)} shards of cube {spec.digest}: {len(spec.features)} features ({', '.join(spec.features)})" \
          f" x steps {spec.exported.start}-{spec.exported.stop - 1} of {spec.step_days} days," \
          f" models see {spec.window.start}-{spec.window.stop - 1}"


def _shard(path: Path) -> Iterator[str]:
    found = example.describe(path)
    yield f"shard {path}: {found.records} records, {len(found.features)} features"
    for name, feature in found.features.items():
        yield f"  {name}: {'/'.join(feature.kinds)} of {', '.join(map(str, feature.lengths))} values," \
              f" in {feature.present:.1%} of the records"


def _image(path: Path) -> Iterator[str]:
    layout = geotiff.describe(path)
    yield f"image {path}: {layout.grid.height} rows x {layout.grid.width} columns, {layout.grid.crs}," \
          f" bounds {layout.grid.bounds}, no data {layout.nodata}"
    for name, dtype in zip(layout.names, layout.dtypes, strict=True):
        yield f"  {name or 'unnamed band'}: {dtype}"
