"""Files of image manifests: pixels that are read window by window, whatever the size of the image.

GeoTIFFs, TFRecord files with their mixer, and several of them beside each other. What hides pixels in a GeoTIFF
is its no-data value or a mask inside of it; an alpha band is a band like any other, and what stands beside the file
(.msk, .ovr, .aux.xml) is no part of it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError, SchemaMismatch
from agrispec.formats import example, geotiff, mixer
from agrispec.formats.asset_tree import AssetTree
from agrispec.formats.geotiff import Windows
from agrispec.formats.mixer import Mixer
from agrispec.grid import Grid
from gee_scripts.engine.local.operations.tasks import Progress

# https://developers.google.com/earth-engine/guides/image_manifest#pixeldatatype
TYPES: Mapping[str, str] = {"INT8": "int8", "UINT8": "uint8", "INT16": "int16", "UINT16": "uint16", "INT32": "int32",
                            "UINT32": "uint32", "FLOAT": "float32", "DOUBLE": "float64"}
# An image of the service may hold long integers, too (ee.Image.toInt64), though no manifest asks for them.
_PIXELS = frozenset((*TYPES.values(), "int64"))
_MOST_OPEN = 32
_RECORDS = 8

Part = tuple[int, int, int, int]
"""Row, column, height, width."""

Read = Callable[[Part, Sequence[int]], tuple[list[NDArray[Any]], NDArray[np.bool_] | None]]
"""A part inside of the grid and numbers of bands -> the values of each, and where there are pixels (None: everywhere);
all are (row, column)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Pixels of one file, of one set of patches, or of several of them.

    Attributes:
        names: of the bands; "" where the file has none.
        dtypes: of the bands.
        grid: its place.
        nodata: what the file itself says is missing.
        read: its pixels.
        levels: how many levels of a pyramid the file holds.
    """

    names: tuple[str, ...]
    dtypes: tuple[np.dtype[Any], ...]
    grid: Grid
    nodata: float | None
    read: Read
    levels: int = 0


class OpenFiles:
    """The GeoTIFFs that were read last, held open; to be used as a context."""

    def __init__(self) -> None:
        self._files: OrderedDict[Path, tuple[Windows, ExitStack]] = OrderedDict()

    def __enter__(self) -> OpenFiles:
        return self

    def __exit__(self, *_: object) -> None:
        while self._files:
            self._files.popitem()[1][1].close()

    def get(self, path: Path) -> Windows:
        """A GeoTIFF. Raises CorruptRecord: it is none."""
        if path not in self._files:
            stack = ExitStack()
            self._files[path] = stack.enter_context(geotiff.reading(path)), stack
            if len(self._files) > _MOST_OPEN:
                self._files.popitem(last=False)[1][1].close()
        self._files.move_to_end(path)
        return self._files[path][0]


def is_extreme(nodata: float, dtype: np.dtype[Any]) -> bool:
    """Whether a no-data value of a file may stand for others, see `means_nothing`."""
    return dtype == np.float32 and 1e38 < abs(nodata) < math.inf


def means_nothing(pixels: NDArray[np.float32], nodata: float) -> NDArray[np.bool_]:
    """Which pixels mean nothing where an extreme value of float32 does: files write "-3.402823e+38" for the lowest one.

    As GDAL compares: https://github.com/OSGeo/gdal/blob/master/gcore/gdal_priv_templates.hpp (ARE_REAL_EQUAL).
    """
    with np.errstate(over="ignore"):
        return np.asarray(np.isfinite(pixels) & np.isinf(pixels + np.float32(nodata)))


def geotiff_source(path: Path, uri: str, crs: str | None, files: OpenFiles) -> Source:
    """The pixels of a GeoTIFF.

    Args:
        path: where it stands.
        uri: its address.
        crs: what it is in, where the manifest says it.
        files: where it is held open.

    Raises:
        CorruptRecord: it is none.
        DataError: it has no CRS, or pixels or a no-data value that no image has.
    """
    layout = geotiff.describe(path, crs)
    types = [dtype for dtype in dict.fromkeys(layout.dtypes) if dtype not in _PIXELS]
    if types:
        raise DataError(f"{uri} holds pixels of type {', '.join(types)}, which an image cannot hold",
                        mend=f"convert it to {', '.join(sorted(_PIXELS))}")

    def read(part: Part, bands: Sequence[int]) -> tuple[list[NDArray[Any]], NDArray[np.bool_] | None]:
        windows = files.get(path)
        pixels = windows.pixels(part, bands)
        if nodata is not None and is_extreme(nodata, pixels.dtype):
            pixels[means_nothing(pixels, nodata)] = nodata
        return list(pixels), windows.mask(part) if layout.masked else None

    dtypes = tuple(np.dtype(dtype) for dtype in layout.dtypes)
    # As GDAL reads it: a mask inside goes before a no-data value, and one beyond the type's range stands for nothing.
    # https://gdal.org/en/stable/development/rfc/rfc15_nodatabitmask.html
    nodata = None if layout.masked else layout.nodata
    if nodata is not None and not all(geotiff.fits(nodata, each) for each in dtypes):
        if not nodata.is_integer() and math.isfinite(nodata) and all(each.kind != "f" for each in dtypes):
            raise DataError(f"{uri} has the no-data value {nodata}, but integer pixels",
                            mend="correct the value (gdal_edit -a_nodata), or take it out (gdal_edit -unsetnodata)")
        nodata = None
    return Source(names=layout.names, dtypes=dtypes, grid=layout.grid, nodata=nodata, read=read, levels=layout.levels)


def patches_source(uris: Sequence[str], tree: AssetTree, folder: Path, files: OpenFiles, progress: Progress) -> Source:
    """Records of patches in the order of the files, laid out as their mixer says; surplus records are padding.

    They are laid down in `folder` as they come: a file of records cannot be read but from its beginning.

    Raises:
        DataError: there is no mixer, or there are fewer records than patches.
        SchemaMismatch: a feature is not a patch of the mixer's size.
    """
    side = [uri for uri in uris if uri.lower().endswith(".json")]
    records = [uri for uri in uris if uri not in side]
    if len(side) != 1:
        raise DataError(f"the TFRecord files {', '.join(records)} come with {len(side)} mixer files",
                        mend="add the address of the export's mixer.json to the uris")
    layout = mixer.read(tree.existing_object(side[0]))
    grid = Grid(crs=layout.crs, transform=layout.transform, width=layout.width, height=layout.height)
    paths = [tree.existing_object(uri) for uri in records]
    dtypes: dict[str, np.dtype[Any]] = {}
    groups: dict[np.dtype[Any], list[str]] = {}
    stem, count = f"patches{len(list(folder.iterdir()))}", 0
    with ExitStack() as stack:
        writers: dict[np.dtype[Any], geotiff.WriteWindow] = {}
        for uri, path in zip(records, paths, strict=True):
            for batch in example.iterate(path, None, _RECORDS):
                progress.go_on()
                if not dtypes:
                    _check_patches(batch, batch, uri, layout)
                    dtypes = {name: batch[name].dtype for name in sorted(batch)}
                    groups = {kind: [name for name in dtypes if dtypes[name] == kind] for kind in dtypes.values()}
                    writers = {kind: stack.enter_context(geotiff.writing(
                        folder / f"{stem}.{kind.name}.tif", grid, kind, names, compress=False))
                        for kind, names in groups.items()}
                _check_patches(batch, dtypes, uri, layout)
                for number in range(len(next(iter(batch.values())))):
                    if count < layout.total_patches:
                        row, column = layout.corner(count)
                        for kind, names in groups.items():
                            writers[kind](row, column, np.stack([batch[name][number] for name in names]).reshape(
                                -1, layout.patch_height, layout.patch_width))
                    count += 1
    if not dtypes:
        raise DataError(f"{', '.join(records)}: no records", mend="write the predictions again")
    if count < layout.total_patches:
        raise DataError(f"{', '.join(records)}: {count} records, but the mixer has {layout.total_patches} patches",
                        mend="write as many records as were exported, in their order")
    places = [(folder / f"{stem}.{dtypes[name].name}.tif", groups[dtypes[name]].index(name)) for name in dtypes]

    def read(part: Part, bands: Sequence[int]) -> tuple[list[NDArray[Any]], None]:
        return [files.get(places[band][0]).pixels(part, [places[band][1]])[0] for band in bands], None

    return Source(names=tuple(dtypes), dtypes=tuple(dtypes.values()), nodata=None, grid=grid, read=read)


def _check_patches(batch: Mapping[str, NDArray[Any]], wanted: Mapping[str, Any], uri: str, layout: Mixer) -> None:
    if set(batch) != set(wanted):
        raise SchemaMismatch(f"the records of {uri} hold {', '.join(sorted(batch))}, those before "
                             f"{', '.join(sorted(wanted))}", mend="write the same bands into all files of a prediction")
    for name, values in batch.items():
        if values.dtype == object or values.shape[1] != layout.patch_height * layout.patch_width:
            raise SchemaMismatch(f"feature {name!r} in {uri} does not hold patches of "
                                 f"{layout.patch_width}x{layout.patch_height} numbers",
                                 mend="write one value a pixel, without the kernel's margin")
        if getattr(wanted[name], "dtype", wanted[name]) != values.dtype:
            raise SchemaMismatch(f"feature {name!r} in {uri} holds {values.dtype}, before that {wanted[name]}",
                                 mend="write a feature in one type into all files of a prediction")


def converted(source: Source, kind: str) -> Source:
    """The source in another type, as the manifest's `dataType` names it.

    Raises:
        DataError: there is no such type, or it cannot hold the file's no-data value.
    """
    if kind not in TYPES:
        raise DataError(f"{kind!r} is not a data type of pixels", mend=f"use one of {', '.join(TYPES)}")
    dtype = np.dtype(TYPES[kind])
    if source.nodata is not None and not geotiff.fits(source.nodata, dtype):
        raise DataError(f"the files' no-data value {source.nodata} cannot be held as {kind}",
                        mend="choose a data type that holds it")

    def read(part: Part, bands: Sequence[int]) -> tuple[list[NDArray[Any]], NDArray[np.bool_] | None]:
        values, there = source.read(part, bands)
        return [each.astype(dtype) for each in values], there

    return replace(source, read=read, dtypes=(dtype,) * len(source.dtypes))


def placed(found: Source, tileset: Mapping[str, Any], source: Mapping[str, Any]) -> Source:
    """The source where the manifest says it is, else where its file says.

    Raises:
        DataError: the manifest's transform is none.
    """
    crs, affine, transform = tileset.get("crs"), source.get("affineTransform"), found.grid.transform
    if affine:
        names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        a, b, c, d, e, f = (float(affine.get(name, 0)) for name in names)
        if not np.isfinite([a, b, c, d, e, f]).all() or a * e == b * d:
            raise DataError(f"the affineTransform {dict(affine)} maps pixels to no area",
                            mend="give finite numbers, scaleX and scaleY not 0")
        transform = (a, b, c, d, e, f)
    grid = Grid(crs=crs or found.grid.crs, transform=transform, width=found.grid.width, height=found.grid.height)
    return replace(found, grid=grid)


def mosaic(sources: Sequence[Source]) -> Source:
    """Sources of one resolution on one grid; the later one lies on top, gaps are missing.

    Raises:
        DataError: their pixels do not match.
    """
    first = sources[0]
    if len(sources) == 1:
        return first
    a, b, c, d, e, f = first.grid.transform
    if b or d:
        raise DataError("the files of a tileset are rotated", mend="warp them to a north-up grid")
    places = []
    for source in sources:
        sa, sb, sc, sd, se, sf = source.grid.transform
        column, row = (sc - c) / a, (sf - f) / e
        if (sa, sb, sd, se) != (a, b, d, e) or source.grid.crs != first.grid.crs or \
                abs(column - round(column)) > 1e-3 or abs(row - round(row)) > 1e-3 or \
                len(source.names) != len(first.names):
            raise DataError("the files of a tileset differ in projection, pixels or number of bands",
                            mend="give each its own tileset, or warp them to one grid")
        if source.nodata != first.nodata and not (source.nodata != source.nodata and first.nodata != first.nodata):
            raise DataError(f"the files of a tileset have the no-data values {first.nodata} and {source.nodata}",
                            mend="write one into all of them, or give each its own tileset")
        places.append((round(row), round(column)))
    top, left = min(row for row, _ in places), min(column for _, column in places)
    bottom = max(row + source.grid.height for (row, _), source in zip(places, sources, strict=True))
    right = max(column + source.grid.width for (_, column), source in zip(places, sources, strict=True))
    dtypes = tuple(np.result_type(*(source.dtypes[band] for source in sources)) for band in range(len(first.names)))

    def read(part: Part, bands: Sequence[int]) -> tuple[list[NDArray[Any]], NDArray[np.bool_] | None]:
        row, column, height, width = part
        values = [np.zeros((height, width), dtypes[band]) for band in bands]
        there = np.zeros((height, width), np.bool_)
        for (above, before), source in zip(places, sources, strict=True):
            # The part, counted from the source's corner, and what of it the source has.
            down, across = row + top - above, column + left - before
            y, x = max(down, 0), max(across, 0)
            high, wide = min(down + height, source.grid.height) - y, min(across + width, source.grid.width) - x
            if high <= 0 or wide <= 0:
                continue
            found, shown = source.read((y, x, high, wide), bands)
            place = slice(y - down, y - down + high), slice(x - across, x - across + wide)
            for target, each in zip(values, found, strict=True):
                target[place] = each
            there[place] = True if shown is None else shown
        return values, None if there.all() else there

    return Source(names=first.names, dtypes=dtypes, grid=first.grid.window(top, left, bottom - top, right - left),
                  nodata=first.nodata, read=read)
