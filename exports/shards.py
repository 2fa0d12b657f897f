"""A folder of record files as arrays; its `cube.toml` is compared before any record is read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import ConfigError, CorruptRecord, SchemaMismatch
from agrispec.formats import example, mixer
from agrispec.formats.atomic import write_files
from agrispec.grid import Grid
from agrispec.kernels.gathering import Tiles
from agrispec.taxonomy import Taxonomy
from exports import manifest, schema

DESCRIPTION = "cube.toml"

_AGAIN = "export the patches again"

_BATCH = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cubes:
    """Cubes of N places.

    Attributes:
        rows: (N,) int64, row numbers of `samples.parquet`, ascending.
        values: (N, T, F) float32 features, the cube's fill where a step had no clear look.
        counts: (N, T) float32, clear looks of each step.
        heat: (N, T) float32, growing degree days, as `exports.schema.Unpacked` has them; None where there are none.
    """

    rows: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    heat: np.ndarray | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchLayout:
    """Where the patches of a map lie.

    Attributes:
        grid: the map's pixels, without padding.
        patch: side of a patch, pixels.
        season: year in which the season ends.
        mask: image asset that hid what is not to be mapped, whose bands and counts are the cube's fill there; "" where
            none did.
        engine: who computed them, and for which project; "" where nobody said.
    """

    grid: Grid
    patch: int
    season: int
    mask: str = ""
    engine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which samples the cubes of a folder belong to.

    Attributes:
        samples: digest of the `samples.parquet` that was drawn for them, `exports.manifest.digest`.
        classes: (name, source codes) by class number, as they were labelled.
    """

    samples: str
    classes: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def of(cls, samples: str, taxonomy: Taxonomy) -> Sampling:
        """The sampling of a table labelled by `taxonomy`."""
        return cls(samples=samples, classes=tuple((crop.name, crop.codes) for crop in taxonomy))

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by class number."""
        return tuple(name for name, _ in self.classes)


def describe(folder: Path, spec: CubeSpec, *, sampling: Sampling | None = None,
             layout: PatchLayout | None = None) -> None:
    """Write the `cube.toml` of a folder of records; `sampling` for cubes of samples, `layout` for patches, whose files
    are there already."""
    table: dict[str, Any] = {"digest": spec.digest, "cube": spec.to_table()}
    if sampling is not None:
        table["sampling"] = {"samples": sampling.samples,
                             "classes": [{"name": name, "codes": list(codes)} for name, codes in sampling.classes]}
    if layout is not None:
        grid = layout.grid
        table["map"] = {"crs": grid.crs, "transform": list(grid.transform), "width": grid.width,
                        "height": grid.height, "patch": layout.patch, "season": layout.season, "mask": layout.mask,
                        "engine": layout.engine,
                        # Their order is that of their names: two that changed theirs are known by their sizes.
                        "files": {path.name: path.stat().st_size for path in _patch_files(folder)}}
    write_files({folder / DESCRIPTION: tomli_w.dumps(table).encode()})


def cube_of(folder: Path) -> CubeSpec:
    """The cube of a folder of records.

    Raises:
        CorruptRecord: there is no readable `cube.toml`, or it was edited.
    """
    table = _description(folder)
    try:
        spec = CubeSpec.from_table(table["cube"])
    except ConfigError as error:
        raise CorruptRecord(f"{folder / DESCRIPTION} describes no cube: {error.message}",
                            mend="do not edit it: export the records again") from error
    if spec.digest != table["digest"]:
        raise CorruptRecord(f"{folder / DESCRIPTION} describes cube {spec.digest} but says it is {table['digest']}",
                            mend="do not edit it: export the records again")
    return spec


def holds_patches(folder: Path) -> bool:
    """Whether the records of a folder are the patches of a map, and not cubes of samples. Raises as `cube_of`."""
    return "map" in _description(folder)


def sampling_of(folder: Path) -> Sampling:
    """Which samples the cubes of a folder belong to. Raises as `cube_of`."""
    try:
        found = _description(folder)["sampling"]
        return Sampling(samples=found["samples"],
                        classes=tuple((crop["name"], tuple(crop["codes"])) for crop in found["classes"]))
    except (KeyError, TypeError) as error:
        raise CorruptRecord(f"{folder / DESCRIPTION} does not name the samples of its cubes ({error})",
                            mend="export them again") from error


def sampling_for(folder: Path, samples: Path) -> Sampling:
    """Which samples the cubes of a run's folder belong to, if they are those of its table.

    Raises:
        SchemaMismatch: they belong to other samples.
        CorruptRecord: as `sampling_of`.
    """
    found = sampling_of(folder)
    if found.samples != manifest.digest(samples):
        raise SchemaMismatch(f"the cubes in {folder} were exported for other samples than {samples} holds",
                             mend=f"export again with: agrispec-gee export {samples.parent}")
    return found


def layout_of(folder: Path) -> PatchLayout:
    """Where the patches of a folder lie. Raises as `cube_of`."""
    try:
        found = _description(folder)["map"]
        grid = Grid(crs=found["crs"], transform=tuple(found["transform"]), width=found["width"],
                    height=found["height"])
        return PatchLayout(grid=grid, patch=found["patch"], season=found["season"],
                           mask=found.get("mask", ""), engine=found.get("engine", ""))
    except (KeyError, TypeError) as error:
        raise CorruptRecord(f"{folder / DESCRIPTION} does not describe a map ({error})",
                            mend=_AGAIN) from error


def require(folder: Path, wanted: CubeSpec) -> None:
    """Nothing, if the records of `folder` are of the cube `wanted`.

    Raises:
        SchemaMismatch: they are of another.
    """
    found = cube_of(folder)
    if found != wanted:
        ours, theirs = wanted.to_table(), found.to_table()
        changed = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        raise SchemaMismatch(f"the records in {folder} are of cube {found.digest}, not of {wanted.digest}"
                             f" ({', '.join(changed)} differ)",
                             mend="export them again, or restore the configuration that they were exported with")


def read(folder: Path, spec: CubeSpec) -> Cubes:
    """All cubes below a folder, in the order of their rows.

    Raises:
        SchemaMismatch: the folder, or a file in it, is of another cube.
        CorruptRecord: a file is damaged, there is none, or a row came twice.
    """
    require(folder, spec)
    files = sorted(folder.rglob("*.tfrecord.gz"))
    if not files:
        raise CorruptRecord(f"there are no records in {folder}", mend="export them again")
    parts = [example.read(path, schema.table_features(spec)) for path in files]
    rows = np.concatenate([part[schema.ROW][:, 0] for part in parts]).astype(np.int64)
    order = np.argsort(rows, kind="stable")
    if (np.diff(rows[order]) == 0).any():
        twice = rows[order][1:][np.diff(rows[order]) == 0][0]
        raise CorruptRecord(f"sample {twice} came twice in {folder}", mend="export the records again")
    found = schema.unpack(np.concatenate([part[schema.CUBE] for part in parts])[order], spec)
    return Cubes(rows=rows[order], values=found.values, counts=found.counts, heat=found.heat)


def batches(folder: Path, spec: CubeSpec) -> Iterator[Cubes]:
    """The same cubes in the order of the files, some at a time; nothing tells whether a row comes twice.

    Raises:
        SchemaMismatch, CorruptRecord: as `read`, but for rows.
    """
    require(folder, spec)
    for path in sorted(folder.rglob("*.tfrecord.gz")):
        for part in example.iterate(path, schema.table_features(spec), _BATCH):
            found = schema.unpack(part[schema.CUBE], spec)
            yield Cubes(rows=part[schema.ROW][:, 0].astype(np.int64), values=found.values, counts=found.counts,
                        heat=found.heat)


def rows_of(path: Path, spec: CubeSpec) -> NDArray[np.int64]:
    """The row numbers of a shard, (N,), in its order. Every record is read, for a truncated file is whole as an object.

    Raises:
        CorruptRecord: it is damaged.
        SchemaMismatch: it holds other features.
    """
    batches = example.iterate(path, schema.table_features(spec), _BATCH)
    return np.concatenate([np.empty(0, np.int64), *(batch[schema.ROW][:, 0].astype(np.int64) for batch in batches)])


def patches(folder: Path, spec: CubeSpec, most: int) -> Iterator[Tiles]:
    """The patches of a map in the mixer's order, up to `most` at a time; good until the next ones are asked for.

    Yields:
        tiles, an image a band of `spec.patch_bands()`; `schema.gather` makes cubes of them.

    Raises:
        SchemaMismatch: the folder, or a file in it, is of another cube, or of patches of another size.
        CorruptRecord: a file is damaged, or patches are missing or too many.
    """
    require(folder, spec)
    side, total, seen = layout_of(folder).patch, mixer_of(folder).total_patches, 0
    for tiles in example.tiles(_patch_files(folder), spec.patch_bands(), side**2, most):
        seen += len(tiles)
        yield tiles
    if seen != total:
        raise CorruptRecord(f"{folder} holds {seen} patches, its mixer says {total}", mend=_AGAIN)


def check_patches(folder: Path) -> None:
    """Whether the patches of a folder are those of its mixer and of its `cube.toml`: cheap, no record is read.

    Raises:
        SchemaMismatch: the mixer is of another map, or of patches of another size.
        CorruptRecord: a file is missing, or has another size than the one that was exported under its name.
    """
    layout, found = layout_of(folder), mixer_of(folder)
    padded = layout.grid.padded(layout.patch)
    if (found.patch_width, found.patch_height) != (layout.patch, layout.patch):
        raise SchemaMismatch(f"the mixer in {folder} is of patches of {found.patch_width} x {found.patch_height}"
                             f" pixels, {DESCRIPTION} says {layout.patch} x {layout.patch}", mend=_AGAIN)
    if (found.width, found.height) != (padded.width, padded.height) or not np.allclose(
            found.transform, padded.transform, rtol=0, atol=1e-6):
        raise SchemaMismatch(f"the mixer in {folder} is of {found.height} x {found.width} pixels from"
                             f" {found.transform[2]:g}, {found.transform[5]:g}, the map is {padded.height} x"
                             f" {padded.width} from {padded.transform[2]:g}, {padded.transform[5]:g}",
                             mend=f"put the mixer of this export there, or: {_AGAIN}")
    exported = _description(folder)["map"].get("files", {})
    present = {path.name: path.stat().st_size for path in _patch_files(folder)}
    for name, size in exported.items():
        if name not in present:
            raise CorruptRecord(f"{folder} lacks {name}, one of {len(exported)} files of patches", mend=_AGAIN)
        if present[name] != size:
            raise CorruptRecord(f"{name} in {folder} has {present[name]} bytes, {size} were exported: it is not whole,"
                                " or another file bears its name", mend=_AGAIN)
    if more := sorted(set(present) - set(exported)):
        raise CorruptRecord(f"{folder} holds {more[0]}, which is not of its export", mend=f"take it away, or: {_AGAIN}")


def _patch_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tfrecord.gz"))


def mixer_of(folder: Path) -> mixer.Mixer:
    """The mixer beside the patches of a folder.

    Raises:
        CorruptRecord: there is none, or more than one.
    """
    found = sorted(folder.glob("*mixer.json"))
    if len(found) != 1:
        raise CorruptRecord(f"{folder} holds {len(found)} mixer files instead of one", mend=_AGAIN)
    return mixer.read(found[0])


def _description(folder: Path) -> Mapping[str, Any]:
    path = folder / DESCRIPTION
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        table["digest"], table["cube"]
    except (OSError, ValueError, KeyError) as error:
        raise CorruptRecord(f"{path} does not say what the records beside it are ({error})",
                            mend="export the records again, or restore the file") from error
    return table
