"""Images as TFRecord patches with a mixer file.

A record a patch, row by row from the upper left; a feature a band, its pixels row-major as float32. Patches that
do not fit whole into the image are not written. https://developers.google.com/earth-engine/guides/tfrecord
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import EngineError
from agrispec.formats import example, mixer
from agrispec.formats.mixer import Mixer
from agrispec.grid import Grid
from gee_scripts.engine.local.images.rewriting import fused
from gee_scripts.engine.local.operations.staging import Staging, separated
from gee_scripts.engine.local.operations.tasks import Progress
from gee_scripts.engine.local.rasters import raster
from gee_scripts.engine.local.rasters.overlap import ahead
from gee_scripts.engine.local.rasters.raster import Band

# Defaults of the export options, see the address above.
_DEFAULT_PATCH = 256
_DEFAULT_FILE_BYTES = 2**30
# A record is one message, of less than 2 GiB: https://protobuf.dev/programming-guides/proto-limits/
_MOST_PIXELS = 2**29
# Patches are computed together up to this many pixels: inputs are then opened once. 473 bands take 62 MB.
_BLOCK_PIXELS = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchOptions:
    """How patches are cut, pixels.

    Attributes:
        width, height: of a patch.
        margin_width, margin_height: what the kernel adds in all, half on each side.
        fill: value of masked pixels.
        most_masked: patches with a greater share of masked pixels are left out; then there is no mixer.
        file_bytes: size of a file before compression.
        compress: GZIP.
    """

    width: int
    height: int
    margin_width: int
    margin_height: int
    fill: float
    most_masked: float
    file_bytes: int
    compress: bool

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> PatchOptions:
        """The options of a request's `tfRecordOptions`.

        Raises:
            EngineError: it asks for what the local engine does not write, or for patches that there are not.
        """
        for name in ("sequenceData", "collapseBands", "tensorDepths"):
            if options.get(name):
                raise EngineError(f"The local engine does not write TFRecord images with {name}",
                                  mend="export bands of numbers, without it")
        size, margin = options.get("tileDimensions", {}), options.get("marginDimensions", {})
        found = cls(width=int(size.get("width", _DEFAULT_PATCH)), height=int(size.get("height", _DEFAULT_PATCH)),
                    margin_width=int(margin.get("width", 0)), margin_height=int(margin.get("height", 0)),
                    fill=float(options.get("defaultValue", 0)), compress=bool(options.get("compress")),
                    most_masked=float(options.get("maxMaskedRatio", {}).get("value", 1)),
                    file_bytes=int(options.get("maxSizeBytes", {}).get("value", _DEFAULT_FILE_BYTES)))
        high, wide = found.height + found.margin_height, found.width + found.margin_width
        if min(found.width, found.height) < 1 or min(found.margin_width, found.margin_height) < 0:
            raise EngineError(f"Invalid patch dimensions: {found.width}x{found.height} pixels, with a margin of "
                              f"{found.margin_width}x{found.margin_height}", mend="give at least 1x1")
        if high * wide >= _MOST_PIXELS:
            raise EngineError(f"Invalid patch dimensions: {wide}x{high} pixels with the margin are more than a record "
                              "holds", mend="give smaller patches")
        return found

    def names(self, prefix: str) -> list[str]:
        """Of the first file of patches, and of the mixer."""
        return [self.name(prefix, 0), mixer_name(prefix)]

    def name(self, prefix: str, number: int) -> str:
        """Of a file of patches."""
        return f"{separated(prefix)}{number:05d}{'.tfrecord.gz' if self.compress else '.tfrecord'}"


def mixer_name(prefix: str) -> str:
    """Of the mixer of files with a prefix."""
    return f"{separated(prefix)}mixer.json"


Batch = dict[str, NDArray[np.float32]]


def write(bands: Sequence[Band], grid: Grid, options: PatchOptions, staging: Staging, prefix: str,
          progress: Progress) -> None:
    """Write the patches of an image, then its mixer.

    Raises:
        EngineError: no patch fits into the image.
        StorageError: the disk is full.
        Cancelled: as `progress` says.
    """
    rows, columns = grid.height // options.height, grid.width // options.width
    if rows == 0 or columns == 0:
        raise EngineError(f"No patch of {options.width}x{options.height} pixels fits into the exported image of "
                          f"{grid.width}x{grid.height}: patches that are not whole are not written",
                          mend="export a larger region, or smaller patches")
    # A block is computed while the one before it is compressed.
    with ahead(_batches(bands, grid, options, rows, columns), progress.add) as batches:
        _write_files(_checked(batches, progress), options, staging, prefix)
    if options.most_masked >= 1:
        mixer.write(staging.path(mixer_name(prefix)),
                    Mixer(crs=grid.crs, transform=grid.transform, patch_width=options.width,
                          patch_height=options.height, patches_per_row=columns, total_patches=rows * columns))


def _checked(batches: Iterator[tuple[float, Batch]], progress: Progress) -> Iterator[Batch]:
    for done, batch in batches:
        progress.check(done)
        yield batch


def _write_files(batches: Iterator[Batch], options: PatchOptions, staging: Staging, prefix: str) -> None:
    held, number = next(batches, None), 0
    while held is not None:

        def part() -> Iterator[Batch]:
            nonlocal held
            size = 0
            while held is not None and (size == 0 or size + _bytes(held) <= options.file_bytes):
                size += _bytes(held)
                yield held
                held = next(batches, None)

        example.write_batches(staging.path(options.name(prefix, number)), part(), gzip=options.compress)
        number += 1


def _bytes(batch: Batch) -> int:
    return sum(values.nbytes for values in batch.values())


def _batches(bands: Sequence[Band], grid: Grid, options: PatchOptions, rows: int,
             columns: int) -> Iterator[tuple[float, Batch]]:
    """Patches in order, those of a block computed together, and the share that was done before them."""
    bands = fused(bands)
    high, wide = options.height + options.margin_height, options.width + options.margin_width
    for row, column, down, across in _blocks(rows, columns, _BLOCK_PIXELS // (options.width * options.height)):
        block = grid.window(row * options.height - options.margin_height // 2,
                            column * options.width - options.margin_width // 2,
                            (down - 1) * options.height + high, (across - 1) * options.width + wide)
        corners = [(i * options.height, j * options.width) for i in range(down) for j in range(across)]
        valid = np.ones((len(corners), high, wide), np.bool_)
        batch: Batch = {}
        read = raster.read(bands, block)[::-1]
        for band in bands:
            values, mask = read.pop()  # and let go: the block is not held twice
            seen = raster.seen(mask)
            fill = np.trunc(options.fill) if band.type.dtype.kind in "iub" else options.fill
            whole = (values if seen is None else np.where(seen, values, fill)).astype(np.float32, copy=False)
            batch[band.name] = _cut(whole, corners, high, wide).reshape(len(corners), -1)
            if seen is not None and options.most_masked < 1:
                valid &= _cut(seen, corners, high, wide)
        if options.most_masked < 1:
            kept = 1 - valid.mean(axis=(1, 2)) <= options.most_masked
            if not kept.any():
                continue
            batch = {name: values[kept] for name, values in batch.items()}
        yield (row + column / columns) / rows, batch


def _blocks(rows: int, columns: int, most: int) -> Iterator[tuple[int, int, int, int]]:
    """Row, column, rows and columns of blocks of at most `most` patches (or one) that keep patches in order:
    several whole rows, or a part of one."""
    if columns <= most:
        down = most // columns
        for row in range(0, rows, down):
            yield row, 0, min(down, rows - row), columns
        return
    across = max(1, most)
    for row in range(rows):
        for column in range(0, columns, across):
            yield row, column, 1, min(across, columns - column)


def _cut(block: NDArray[Any], corners: Sequence[tuple[int, int]], high: int, wide: int) -> NDArray[Any]:
    """(row, column) of a block -> (patch, row, column); patches overlap by their margins."""
    return np.stack([block[row:row + high, column:column + wide] for row, column in corners])
