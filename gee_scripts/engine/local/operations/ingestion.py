"""Image manifests to image assets.

https://developers.google.com/earth-engine/guides/image_manifest: tilesets of GeoTIFFs, or of TFRecord files with
their mixer, in Cloud Storage. What the manifest asks for and this does not know is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import DataError, SchemaMismatch
from agrispec.formats import example, geotiff, mixer
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.tree import Assets, milliseconds
from gee_scripts.engine.local.operations.tasks import Progress, Work
from gee_scripts.engine.local.rasters.nodata import with_nodata
from gee_scripts.engine.local.refusals import Refusal

# https://developers.google.com/earth-engine/guides/image_manifest#pixeldatatype
_TYPES: Mapping[str, str] = {"INT8": "int8", "UINT8": "uint8", "INT16": "int16", "UINT16": "uint16", "INT32": "int32",
                             "UINT32": "uint32", "FLOAT": "float32", "DOUBLE": "float64"}
_KNOWN = {"name", "tilesets", "bands", "properties", "startTime", "endTime", "pyramidingPolicy", "missingData",
          "uriPrefix", "memo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file, or one set of patches, read.

    Attributes:
        values: (band, row, column).
        names: of the bands; "" where the file has none.
        grid: its place.
        nodata: what the file itself says is missing.
    """

    values: NDArray[Any]
    names: tuple[str, ...]
    grid: Grid
    nodata: float | None


def image_work(body: Mapping[str, Any], tree: AssetTree, assets: Assets) -> Work:
    """The work of an image:import request.

    Raises:
        Refusal: the manifest cannot be served, or its asset exists.
    """
    manifest, overwrite = body.get("imageManifest") or {}, bool(body.get("overwrite"))
    unknown = sorted(set(manifest) - _KNOWN)
    if unknown:
        raise Refusal(400, f"The local engine does not know these fields of an image manifest: {', '.join(unknown)}.")
    tilesets = manifest.get("tilesets") or []
    if not tilesets:
        raise Refusal(400, "Image manifest has no tilesets.")
    for tileset in tilesets:
        if not tileset.get("sources") or not all(source.get("uris") for source in tileset["sources"]):
            raise Refusal(400, f"Tileset '{tileset.get('id', '')}' has a source without uris.")
    if not all("id" in band for band in manifest.get("bands") or ()):
        raise Refusal(400, "Image manifest has a band without id.")
    asset_id = assets.free_name(manifest.get("name", ""), overwrite=overwrite)
    properties = dict(manifest.get("properties") or {})
    for key, name in (("startTime", "system:time_start"), ("endTime", "system:time_end")):
        if manifest.get(key):
            properties[name] = milliseconds(moment(manifest[key]))

    def work(progress: Progress) -> Sequence[str]:
        read: dict[str, Source] = {}
        for number, tileset in enumerate(tilesets):
            progress.check(number / (len(tilesets) + 1))
            read[tileset.get("id", "")] = _tileset(tileset, manifest.get("uriPrefix", ""), tree, progress)
        arrays, missing, pyramiding, grid = _bands(manifest, read)
        progress.check(len(tilesets) / (len(tilesets) + 1))
        shared = {tuple(values) for values in missing.values()}
        if len(shared) == 1 and len(values := shared.pop()) == 1 and \
                all(geotiff.fits(values[0], array.dtype) for array in arrays.values()):
            nodata: float | None = values[0]
        else:
            arrays, nodata = with_nodata(arrays, {name: _valid(array, missing[name])
                                                  for name, array in arrays.items()})
        tree.write_image(asset_id, arrays=arrays, grid=grid, properties=properties, nodata=nodata,
                         pyramiding=pyramiding, cloud_optimised=True, overwrite=overwrite)
        return [asset_id]

    return work


def moment(value: Any) -> str:
    """A time of a manifest as ISO 8601: that, or {"seconds": …}."""
    if isinstance(value, Mapping):
        return str(np.datetime64(int(value.get("seconds", 0)), "s"))
    return str(value)


def _valid(values: NDArray[Any], missing: Sequence[float]) -> NDArray[np.bool_] | None:
    if not missing:
        return None
    valid = np.ones(values.shape, np.bool_)
    for value in missing:
        valid &= ~np.isnan(values) if np.isnan(value) else values != value
    return valid


def _bands(manifest: Mapping[str, Any], read: Mapping[str, Source]) -> \
        tuple[dict[str, NDArray[Any]], dict[str, tuple[float, ...]], dict[str, str], Grid]:
    """Arrays, missing values and pyramiding policies by band id, and the one grid of all.

    Raises:
        DataError: bands and tilesets do not match.
    """
    grids = {source.grid for source in read.values()}
    if len(grids) > 1:
        raise DataError(f"the tilesets of {manifest['name']!r} have different grids",
                        mend="give all bands of an image the same projection, size and origin")
    total = sum(len(source.values) for source in read.values())
    described = manifest.get("bands") or _default_bands(read)
    if len(described) != total and not all("tilesetBandIndex" in band for band in described):
        raise DataError(f"the manifest names {len(described)} bands, the files have {total}",
                        mend="name as many bands as the files have, or give each its tilesetBandIndex")
    common = _missing(manifest.get("missingData"))
    arrays: dict[str, NDArray[Any]] = {}
    missing: dict[str, tuple[float, ...]] = {}
    pyramiding: dict[str, str] = {}
    taken: dict[str, int] = {}
    for band in described:
        tileset = band.get("tilesetId", next(iter(read)))
        if tileset not in read:
            raise DataError(f"band {band['id']!r} is of tileset {tileset!r}, which the manifest lacks",
                            mend=f"use one of {', '.join(map(repr, read))}")
        source, name = read[tileset], band["id"]
        index = int(band.get("tilesetBandIndex", taken.get(tileset, 0)))
        if "tilesetBandIndex" not in band and name in source.names:
            index = source.names.index(name)
        taken[tileset] = index + 1
        if not 0 <= index < len(source.values):
            raise DataError(f"band {name!r} is band {index} of tileset {tileset!r}, which has {len(source.values)}",
                            mend="count tilesetBandIndex from 0")
        if name in arrays:
            raise DataError(f"two bands are named {name!r}", mend="give each band its own id")
        arrays[name] = source.values[index]
        own = _missing(band.get("missingData")) or common
        missing[name] = own or (() if source.nodata is None else (source.nodata,))
        pyramiding[name] = band.get("pyramidingPolicy") or manifest.get("pyramidingPolicy") or "MEAN"
    return arrays, missing, pyramiding, grids.pop()


def _default_bands(read: Mapping[str, Source]) -> list[dict[str, Any]]:
    """Bands by the names in the files, b1, b2, … where they have none."""
    found: list[dict[str, Any]] = []
    for tileset, source in read.items():
        for index, name in enumerate(source.names):
            found.append({"id": name or f"b{len(found) + 1}", "tilesetId": tileset, "tilesetBandIndex": index})
    return found


def _missing(described: Mapping[str, Any] | None) -> tuple[float, ...]:
    return tuple(float(value) for value in (described or {}).get("values", ()))


def _tileset(tileset: Mapping[str, Any], prefix: str, tree: AssetTree, progress: Progress) -> Source:
    """All sources of a tileset, laid beside each other."""
    sources = []
    for source in tileset["sources"]:
        progress.check(progress.fraction)
        uris = [prefix + uri for uri in source["uris"]]
        names = [uri.lower() for uri in uris]
        if any(name.endswith((".tfrecord", ".tfrecord.gz")) for name in names):
            found = _patches(uris, tree)
        elif names[0].endswith((".tif", ".tiff")) and len(uris) == 1:
            path = tree.existing_object(uris[0])
            layout = geotiff.describe(path)
            found = Source(values=geotiff.read(path), names=layout.names, grid=layout.grid, nodata=layout.nodata)
        else:
            raise DataError(f"{', '.join(uris)}: the local engine ingests a GeoTIFF, or TFRecord files with their "
                            "mixer", mend="convert the file to GeoTIFF")
        sources.append(_placed(found, tileset, source))
    kind = tileset.get("dataType")
    if kind is not None and kind not in _TYPES:
        raise DataError(f"{kind!r} is not a data type of pixels", mend=f"use one of {', '.join(_TYPES)}")
    whole = sources[0] if len(sources) == 1 else _mosaic(sources)
    if kind is None:
        return whole
    return Source(values=whole.values.astype(_TYPES[kind]), names=whole.names, grid=whole.grid, nodata=whole.nodata)


def _placed(found: Source, tileset: Mapping[str, Any], source: Mapping[str, Any]) -> Source:
    """The source where the manifest says it is, else where its file says."""
    crs, affine, transform = tileset.get("crs"), source.get("affineTransform"), found.grid.transform
    if affine:
        names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        a, b, c, d, e, f = (float(affine.get(name, 0)) for name in names)
        if not np.isfinite([a, b, c, d, e, f]).all() or a * e == b * d:
            raise DataError(f"the affineTransform {dict(affine)} maps pixels to no area",
                            mend="give finite numbers, scaleX and scaleY not 0")
        transform = (a, b, c, d, e, f)
    grid = Grid(crs=crs or found.grid.crs, transform=transform, width=found.grid.width, height=found.grid.height)
    return Source(values=found.values, names=found.names, grid=grid, nodata=found.nodata)


def _patches(uris: Sequence[str], tree: AssetTree) -> Source:
    """Records of patches in the order of the files, laid out as their mixer says; surplus records are padding.

    Raises:
        DataError: there is no mixer, or there are fewer records than patches.
        SchemaMismatch: a feature is not a patch of the mixer's size.
    """
    side = [uri for uri in uris if uri.lower().endswith(".json")]
    files = [uri for uri in uris if uri not in side]
    if len(side) != 1:
        raise DataError(f"the TFRecord files {', '.join(files)} come with {len(side)} mixer files",
                        mend="add the address of the export's mixer.json to the uris")
    layout = mixer.read(tree.existing_object(side[0]))
    records = [example.read(tree.existing_object(uri)) for uri in files]
    names = sorted({name for columns in records for name in columns})
    found = []
    for name in names:
        size = layout.patch_height * layout.patch_width
        parts = [columns[name] for columns in records if name in columns]
        if any(part.shape[1] != size or part.dtype == object for part in parts):
            raise SchemaMismatch(f"feature {name!r} in {', '.join(files)} does not hold patches of "
                                 f"{layout.patch_width}x{layout.patch_height} numbers",
                                 mend="write one value a pixel, without the kernel's margin")
        values = np.concatenate(parts)
        if len(values) < layout.total_patches:
            raise DataError(f"{', '.join(files)}: {len(values)} records, but the mixer has {layout.total_patches} "
                            "patches", mend="write as many records as were exported, in their order")
        rows = layout.total_patches // layout.patches_per_row
        cut = values[:layout.total_patches].reshape(rows, layout.patches_per_row, layout.patch_height,
                                                    layout.patch_width)
        found.append(cut.transpose(0, 2, 1, 3).reshape(layout.height, layout.width))
    if not found:
        raise DataError(f"{', '.join(files)}: no records", mend="write the predictions again")
    return Source(values=np.stack(found), names=tuple(names), nodata=None,
                  grid=Grid(crs=layout.crs, transform=layout.transform, width=layout.width, height=layout.height))


def _mosaic(sources: Sequence[Source]) -> Source:
    """Sources of one resolution on one grid; the later one lies on top, gaps are missing.

    Raises:
        DataError: their pixels do not match.
    """
    first = sources[0]
    a, b, c, d, e, f = first.grid.transform
    if b or d:
        raise DataError("the files of a tileset are rotated", mend="warp them to a north-up grid")
    places = []
    for source in sources:
        sa, sb, sc, sd, se, sf = source.grid.transform
        column, row = (sc - c) / a, (sf - f) / e
        if (sa, sb, sd, se) != (a, b, d, e) or source.grid.crs != first.grid.crs or \
                abs(column - round(column)) > 1e-3 or abs(row - round(row)) > 1e-3 or \
                len(source.values) != len(first.values):
            raise DataError("the files of a tileset differ in projection, pixels or number of bands",
                            mend="give each its own tileset, or warp them to one grid")
        places.append((round(row), round(column)))
    top, left = min(row for row, _ in places), min(column for _, column in places)
    bottom = max(row + source.grid.height for (row, _), source in zip(places, sources, strict=True))
    right = max(column + source.grid.width for (_, column), source in zip(places, sources, strict=True))
    grid = first.grid.window(top, left, bottom - top, right - left)
    covered = np.zeros(grid.shape, np.bool_)
    values = np.zeros((len(first.values), *grid.shape), np.result_type(*(s.values.dtype for s in sources)))
    for (row, column), source in zip(places, sources, strict=True):
        row, column = row - top, column - left
        values[:, row:row + source.grid.height, column:column + source.grid.width] = source.values
        covered[row:row + source.grid.height, column:column + source.grid.width] = True
    nodata = first.nodata
    if not covered.all():
        # A gap is missing like any other pixel: under the files' own value, else under one nobody uses.
        if nodata is None:
            filled, nodata = with_nodata({str(i): band for i, band in enumerate(values)},
                                         {str(i): covered for i in range(len(values))})
            values = np.stack(list(filled.values()))
        else:
            values[:, ~covered] = nodata
    return Source(values=values, names=first.names, grid=grid, nodata=nodata)
