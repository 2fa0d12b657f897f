"""Predicted parcels as rows of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agrispec.errors import CorruptRecord, DataError
from agrispec.formats.atomic import write_files


def rows(fields: Sequence[Mapping[str, Any]], key: str, names: Sequence[str], classes: np.ndarray,
         probability: np.ndarray, confident: np.ndarray, pixels: np.ndarray) -> list[dict[str, Any]]:
    """A row for each parcel that has pixels on the map.

    Args:
        fields: P GeoJSON features in degrees.
        key: property that identifies a parcel.
        names: class names by class number.
        classes, probability, confident, pixels: (P,) class number, its probability, whether it stands without
            review, and how many clearly seen pixels speak for it.

    Returns:
        rows with `key`, `class`, `class_name`, `probability` (4 decimals), `confident` (1 or 0), `pixels`, `geometry`.

    Raises:
        DataError: a parcel has no `key`, or two have the same.
    """
    found: list[dict[str, Any]] = []
    known: set[str] = set()
    for number in np.flatnonzero(pixels).tolist():
        properties = fields[number]["properties"]
        if key not in properties:
            raise DataError(f"parcel {number} has no property {key!r}; it has {', '.join(properties)}",
                            mend="name the property that identifies parcels in [labels] parcel_id")
        if properties[key] in ("", None) or str(properties[key]) in known:
            raise DataError(f"{key} = {properties[key]!r} names no parcel, or more than one",
                            mend="name the property that identifies parcels in [labels] parcel_id")
        known.add(str(properties[key]))
        found.append({key: properties[key], "class": int(classes[number]), "class_name": names[classes[number]],
                      "probability": round(float(probability[number]), 4), "confident": int(confident[number]),
                      "pixels": int(pixels[number]), "geometry": fields[number]["geometry"]})
    return found


def write(path: Path, table: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as JSON."""
    write_files({path: json.dumps(table, ensure_ascii=False).encode()})


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of `write`.

    Raises:
        CorruptRecord: the file is damaged.
    """
    try:
        table: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptRecord(f"{path} is not a table of parcels ({error})", mend="predict again") from error
    return table
