"""What a file or a folder is, in a screen of lines: what kind of thing it is decides which module tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agrispec.errors import DataError
from exports import manifest, runs, shards
from exports.inspection import asset, image, model, patches, picture, places, records, run, series, unknown
from exports.inspection.text import entry

describe_asset = asset.describe

_RECORDS, _IMAGES = (".tfrecord", ".tfrecord.gz"), (".tif", ".tiff")


def describe(path: Path) -> Iterator[str]:
    """Lines that tell what a run, a model, records, patches, predictions, a GeoTIFF or a table of places holds.

    Raises:
        DataError: `path` is none of these.
        CorruptRecord: it is one of them, and damaged.
        SchemaMismatch: its parts are not of each other.
    """
    if not path.exists():
        raise DataError(f"there is no {path}",
                        mend="check the path; an asset of Earth Engine is told of with --run RUN, whose engine has it")
    lines = _of_folder(path) if path.is_dir() else _of_file(path)
    if home := runs.above(path):
        told = ", of simulated scenes" if manifest.simulated(home.path) else ""
        yield from entry("in run", f"{home.path.name}{told}")
    yield from lines


def draw(path: Path, file: Path) -> None:
    """Write a PNG of a few series of a run, a folder of shards or a shard.

    Raises:
        DataError: there are no cubes of samples.
        CorruptRecord, SchemaMismatch: as `describe`.
        StorageError: the picture cannot be written.
    """
    home = runs.above(path / runs.CONFIGURATION)
    told = " (simulated)" if home and manifest.simulated(home.path) else ""
    curves = series.gather(path)
    picture.draw(file, curves, f"{curves.name} of the cubes in {path.resolve().name}{told}")


def _of_folder(path: Path) -> Iterator[str]:
    if (path / runs.CONFIGURATION).exists():
        return run.describe(path)
    if (path / runs.MODEL_CARD).exists():
        return model.describe(path)
    if (path / runs.PREDICTION_CARD).exists():
        return image.of_predictions(path)
    if (path / shards.DESCRIPTION).exists() and shards.holds_patches(path):
        return patches.describe(path)
    if found := records.find(path):
        return records.describe_folder(found)
    raise unknown.refusal(path)


def _of_file(path: Path) -> Iterator[str]:
    if path.name.endswith(_RECORDS):
        return records.describe_file(path)
    if path.suffix in _IMAGES:
        return image.describe(path)
    if path.suffix == ".parquet":
        return places.describe(path)
    raise unknown.refusal(path)
