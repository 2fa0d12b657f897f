"""Predicted parcels as a table, `parcels.parquet`: GeoParquet, a row a parcel that has pixels on the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.errors import CorruptRecord, DataError
from agrispec.formats import geoparquet
from agrispec.formats.atomic import write_files

FILE = "parcels.parquet"
"""Among the predictions, where the run has parcels."""

SMALL_HA = 0.5
"""Hectares; a parcel below has few pixels of its own."""

_OWN = frozenset({
    "class", "class_name", "probability", "second", "second_name", "second_probability", "third", "third_name",
    "third_probability", "entropy", "agreement", "set_size", "confident", "small", "area_ha", "pixels",
    geoparquet.GEOMETRY})
"""What the table says of parcels beside their ids."""

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


def check(fields: Sequence[Mapping[str, Any]], key: str) -> None:
    """Whether a property tells parcels apart, and each has a shape.

    Args:
        fields: GeoJSON features.
        key: the property.

    Raises:
        DataError: a parcel lacks it, or two have the same; they are not all texts, all integers or all floats; or the
            table has a column of that name. Or a parcel has no shape.
    """
    mend = "name the property that identifies parcels in [labels] parcel_id"
    if key in _OWN:
        raise DataError(f"[labels] parcel_id {key!r} is what the table of parcels calls a column of its own",
                        mend="copy the property to another name")
    known: set[str] = set()
    kinds: set[type] = set()
    for number, field in enumerate(fields):
        properties = field["properties"]
        if key not in properties:
            raise DataError(f"parcel {number} has no property {key!r}; it has {', '.join(properties)}", mend=mend)
        if properties[key] in ("", None) or str(properties[key]) in known:
            raise DataError(f"{key} = {properties[key]!r} names no parcel, or more than one", mend=mend)
        kinds.add(type(properties[key]))
        if len(kinds) > 1 or not kinds <= {str, int, float}:
            raise DataError(f"{key} is of type {' and '.join(sorted(kind.__name__ for kind in kinds))}, as"
                            f" {properties[key]!r} is", mend="give all parcels a text, all an integer or all a float")
        if not field["geometry"]:
            raise DataError(f"parcel {properties[key]!r} has no shape", mend="take it out of [labels] parcels")
        known.add(str(properties[key]))


def table(fields: Sequence[Mapping[str, Any]], key: str, names: Sequence[str], found: Findings) -> pd.DataFrame:
    """The table of parcels that have pixels.

    Args:
        fields: P GeoJSON features in degrees, which `check` let pass.
        key: property that identifies a parcel.
        names: class names by class number.
        found: what the map says of them.

    Returns:
        `key`, `class`, `class_name`, `probability`, `second`, `second_name`, `second_probability`, `third`,
        `third_name`, `third_probability` (as many as there are classes; probabilities of 4 decimals), `entropy`,
        `agreement`, `set_size`, `confident` and `small` (1 or 0), `area_ha`, `pixels`, `geometry` (WKB, EPSG:4326).
    """
    rows = np.flatnonzero(found.pixels)
    used = [fields[row] for row in rows.tolist()]
    shapes: NDArray[Any] = np.array([shapely.geometry.shape(field["geometry"]) for field in used], dtype=object)
    areas = area_ha(shapes)
    columns: dict[str, Any] = {key: [field["properties"][key] for field in used]}
    for place, (number, name, share) in enumerate((("class", "class_name", "probability"),
                                                   ("second", "second_name", "second_probability"),
                                                   ("third", "third_name", "third_probability"))):
        if place < found.ranked.shape[1]:
            classes = found.ranked[rows, place].astype(np.int64)
            columns |= {number: classes, name: [names[crop] for crop in classes],
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
