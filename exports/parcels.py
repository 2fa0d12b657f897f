"""Predicted parcels as a table, `parcels.parquet`: GeoParquet, a row a parcel that has pixels on the map."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import contains, itemgetter, methodcaller
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.errors import CorruptRecord, DataError
from agrispec.formats import geojson, geoparquet
from agrispec.formats.atomic import write_files

FILE = "parcels.parquet"
"""Among the predictions, where the run has parcels."""

GEOPACKAGE = "parcels.gpkg"
"""The same table beside it, as `agrispec.formats.geopackage` writes it."""

SMALL_HA = 0.5
"""Hectares; a parcel below has few pixels of its own."""

_OWN = frozenset({
    "class", "class_name", "probability", "second", "second_name", "second_probability", "third", "third_name",
    "third_probability", "entropy", "agreement", "set_size", "confident", "small", "area_ha", "pixels",
    geoparquet.GEOMETRY})
"""What the table says of parcels beside their ids."""

_KINDS = [str(kind) for kind in (str, int, float)]

# Equal-area on the ellipsoid, wherever on Earth: WGS 84 / NSIDC EASE-Grid 2.0 Global. https://epsg.io/6933
_EQUAL_AREA = "EPSG:6933"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """What a map says of P parcels.

    Attributes:
        ranked: (P, 3) class numbers, the likeliest first; fewer columns where there are fewer classes.
        probabilities: (P, 3) of these.
        entropy: (P,) 0 to 1, as in `products.ENTROPY`.
        agreement: (P,) share of the pixels whose own class is the parcel's.
        set_size: (P,) classes in the conformal set.
        confident: (P,) whether the likeliest class stands without review.
        pixels: (P,) clearly seen pixels; a parcel without any has no row.
    """

    ranked: NDArray[np.integer]
    probabilities: NDArray[np.floating]
    entropy: NDArray[np.floating]
    agreement: NDArray[np.floating]
    set_size: NDArray[np.integer]
    confident: NDArray[np.bool_]
    pixels: NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """P parcels that a map is asked of.

    Attributes:
        key: the property that tells them apart.
        ids: (P,) its values: all texts, all integers or all floats.
        shapes: (P,) in degrees.
    """

    key: str
    ids: NDArray[Any]
    shapes: NDArray[Any]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, fields: Sequence[Mapping[str, Any]], key: str) -> Asked:
        """Parcels of GeoJSON features; of several that are refused, the first is named.

        Raises:
            DataError: a parcel lacks the property, or two have the same; they are not all texts, all integers or all
                floats; or the table has a column of that name. Or a parcel has no shape.
        """
        mend = "name the property that identifies parcels in [labels] parcel_id"
        if key.lower() in _OWN:  # a GeoPackage does not tell capitals apart
            raise DataError(f"[labels] parcel_id {key!r} is what the table of parcels calls a column of its own",
                            mend="copy the property to another name")
        properties = list(map(itemgetter("properties"), fields))
        geometries = list(map(itemgetter("geometry"), fields))
        ids = pd.Series(list(map(methodcaller("get", key), properties)), dtype=object)
        kinds = np.array(list(map(type, ids)), object)
        absent = ~np.fromiter(map(contains, properties, repeat(key)), np.bool_, len(ids))
        unclear = (ids.isna() | (ids == "") | ids.map(str).duplicated()).to_numpy(np.bool_)
        mixed = (kinds != kinds[:1]) | ~np.isin(kinds.astype(str), _KINDS)
        bare = ~np.fromiter(map(bool, geometries), np.bool_, len(ids))
        if (wrong := absent | unclear | mixed | bare).any():
            number = int(wrong.argmax())
            name = ids[number]
            if absent[number]:
                raise DataError(f"parcel {number} has no property {key!r}; it has {', '.join(properties[number])}",
                                mend=mend)
            if unclear[number]:
                raise DataError(f"{key} = {name!r} names no parcel, or more than one", mend=mend)
            if mixed[number]:
                met = sorted({kind.__name__ for kind in kinds[:number + 1]})
                raise DataError(f"{key} is of type {' and '.join(met)}, as {name!r} is",
                                mend="give all parcels a text, all an integer or all a float")
            raise DataError(f"parcel {name!r} has no shape", mend="take it out of [labels] parcels")
        try:
            shapes = geojson.shapes(geometries)
        except ValueError as error:
            raise DataError(f"the shapes of [labels] parcels cannot be read ({error})",
                            mend="give polygons as GeoJSON says them") from error
        if (empty := shapely.is_empty(shapes)).any():
            raise DataError(f"parcel {ids[int(empty.argmax())]!r} has no shape", mend="take it out of [labels] parcels")
        return cls(key=key, ids=ids.to_numpy(), shapes=shapes)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of ids and shapes."""
        ids, outlines = json.dumps([self.key, self.ids.tolist()]), shapely.to_wkb(self.shapes)
        return hashlib.sha256(ids.encode() + b"".join(outlines)).hexdigest()[:16]


def table(asked: Asked, names: Sequence[str], found: Findings) -> pd.DataFrame:
    """The table of parcels that have pixels.

    Args:
        asked: P of them.
        names: class names by class number.
        found: what the map says of them.

    Returns:
        `key`, `class`, `class_name`, `probability`, `second`, `second_name`, `second_probability`, `third`,
        `third_name`, `third_probability` (as many as there are classes; probabilities of 4 decimals), `entropy`,
        `agreement`, `set_size`, `confident` and `small` (1 or 0), `area_ha`, `pixels`, `geometry` (WKB, EPSG:4326).
    """
    rows = np.flatnonzero(found.pixels)
    shapes, named = asked.shapes[rows], np.array(names, object)
    areas = area_ha(shapes)
    columns: dict[str, Any] = {asked.key: asked.ids[rows].tolist()}
    for place, (number, name, share) in enumerate((("class", "class_name", "probability"),
                                                   ("second", "second_name", "second_probability"),
                                                   ("third", "third_name", "third_probability"))):
        if place < found.ranked.shape[1]:
            classes = found.ranked[rows, place].astype(np.int64)
            columns |= {number: classes, name: named[classes].tolist(),
                        share: found.probabilities[rows, place].astype(np.float64).round(4)}
    return pd.DataFrame({
        **columns, "entropy": found.entropy[rows].astype(np.float64).round(4),
        "agreement": found.agreement[rows].astype(np.float64).round(4),
        "set_size": found.set_size[rows].astype(np.int64), "confident": found.confident[rows].astype(np.int64),
        "small": (areas < SMALL_HA).astype(np.int64), "area_ha": areas.round(4),
        "pixels": found.pixels[rows].astype(np.int64), geoparquet.GEOMETRY: shapely.to_wkb(shapes)})


def area_ha(shapes: NDArray[Any]) -> NDArray[np.float64]:
    """Hectares of shapes in degrees (N,), on the ellipsoid."""
    project = Transformer.from_crs("EPSG:4326", _EQUAL_AREA, always_xy=True).transform
    areas: NDArray[np.float64] = shapely.area(shapely.transform(shapes, project, interleaved=False)) / 1e4
    return areas


def write(path: Path, parcels: pd.DataFrame) -> None:
    """Write a table of parcels.

    Raises:
        StorageError: it cannot be written.
    """
    geometries = parcels[geoparquet.GEOMETRY].tolist()
    plain = pa.Table.from_pandas(parcels.drop(columns=geoparquet.GEOMETRY), preserve_index=False)
    content, _ = geoparquet.encode(plain, geometries)
    write_files({path: content})


def read(path: Path) -> pd.DataFrame:
    """The table of a file that `write` wrote; `geometry` is WKB.

    Raises:
        CorruptRecord: the file is not there, or damaged.
    """
    try:
        found = pd.read_parquet(path)
        found[geoparquet.GEOMETRY]
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise CorruptRecord(f"{path} is not a table of parcels ({error})", mend="predict again") from error
    return found
