"""Image manifests: their form, and which bands of their files an image gets.

https://developers.google.com/earth-engine/guides/image_manifest. What a manifest asks for and this does not know is
refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agrispec.errors import DataError
from agrispec.formats.stac import check_band_ids
from agrispec.grid import Grid
from gee_scripts.engine.local.assets.tree import Assets, milliseconds
from gee_scripts.engine.local.operations.sources import Source
from gee_scripts.engine.local.refusals import Refusal

_KNOWN = {"name", "tilesets", "bands", "properties", "startTime", "endTime", "pyramidingPolicy", "missingData",
          "uriPrefix", "memo"}
GEOTIFF = (".tif", ".tiff")
"""How the names of GeoTIFFs end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenBand:
    """A band of the new asset.

    Attributes:
        id: its name.
        tileset: it is from.
        index: of the band there, from 0.
        missing: values that mean nothing.
        policy: how coarser pixels are made.
    """

    id: str
    tileset: str
    index: int
    missing: tuple[float, ...]
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image manifest whose form was checked.

    Attributes:
        fields: as they came.
        asset_id: of the new asset.
        properties: of the new asset, times included.
    """

    fields: Mapping[str, Any]
    asset_id: str
    properties: Mapping[str, Any]


def checked_manifest(body: Mapping[str, Any], assets: Assets) -> Manifest:
    """The image manifest of a request.

    Raises:
        Refusal: it cannot be served, or its asset exists.
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
    if len({tileset.get("id", "") for tileset in tilesets}) < len(tilesets):
        raise Refusal(400, "Two tilesets have the same ID. Give each tileset its own id.")
    if not all("id" in band for band in manifest.get("bands") or ()):
        raise Refusal(400, "Image manifest has a band without id.")
    asset_id = assets.free_name(manifest.get("name", ""), overwrite=overwrite)
    properties = dict(manifest.get("properties") or {})
    for key, name in (("startTime", "system:time_start"), ("endTime", "system:time_end")):
        if manifest.get(key):
            properties[name] = milliseconds(moment(manifest[key]))
    return Manifest(fields=manifest, asset_id=asset_id, properties=properties)


def chosen_bands(manifest: Manifest, read: Mapping[str, Source]) -> tuple[list[ChosenBand], Grid]:
    """The bands of the asset, and the one grid of all.

    Raises:
        DataError: bands and tilesets do not match, or no band can have such a name.
    """
    fields = manifest.fields
    grids = {source.grid for source in read.values()}
    if len(grids) > 1:
        raise DataError(f"the tilesets of {manifest.asset_id!r} have different grids",
                        mend="give all bands of an image the same projection, size and origin")
    total = sum(len(source.names) for source in read.values())
    described = fields.get("bands") or _default_bands(read)
    if len(described) != total and not all("tilesetBandIndex" in band for band in described):
        raise DataError(f"the manifest names {len(described)} bands, the files have {total}",
                        mend="name as many bands as the files have, or give each its tilesetBandIndex")
    check_band_ids(band["id"] for band in described)
    common = _missing(fields.get("missingData"))
    found: dict[str, ChosenBand] = {}
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
        if not 0 <= index < len(source.names):
            raise DataError(f"band {name!r} is band {index} of tileset {tileset!r}, which has {len(source.names)}",
                            mend="count tilesetBandIndex from 0")
        own = _missing(band.get("missingData")) or common
        found[name] = ChosenBand(id=name, tileset=tileset, index=index,
                                 missing=own or (() if source.nodata is None else (source.nodata,)),
                                 policy=band.get("pyramidingPolicy") or fields.get("pyramidingPolicy") or "MEAN")
    return list(found.values()), grids.pop()


def _default_bands(read: Mapping[str, Source]) -> list[dict[str, Any]]:
    """Bands by the names in the files, b1, b2, … where they have none.

    Words: https://developers.google.com/earth-engine/guides/cog_registration, and
    https://github.com/tracek/gee_asset_manager/issues/38 of files without names.
    """
    found: list[dict[str, Any]] = []
    for tileset, source in read.items():
        for index, name in enumerate(source.names):
            found.append({"id": name or f"b{len(found) + 1}", "tilesetId": tileset, "tilesetBandIndex": index})
    return found


def _missing(described: Mapping[str, Any] | None) -> tuple[float, ...]:
    return tuple(float(value) for value in (described or {}).get("values", ()))


def shared_missing(bands: Sequence[ChosenBand]) -> float | None:
    """The one value that is missing in all bands, if there is one."""
    values = {repr(value): value for band in bands for value in band.missing}
    return next(iter(values.values())) if len(values) == 1 and all(band.missing for band in bands) else None


def moment(value: Any) -> str:
    """A time of a manifest as ISO 8601: that, or {"seconds": …}."""
    if isinstance(value, Mapping):
        return str(np.datetime64(int(value.get("seconds", 0)), "s"))
    return str(value)
