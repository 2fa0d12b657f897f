"""Sampled places as files that people label: written without what might sway them, and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from agrispec.errors import DataError
from agrispec_tf.area.reference_sample import INCLUSION, REFERENCE, STRATUM

LON, LAT = "lon", "lat"

_OF_TRAINING = {"fold", "label"}
"""Columns that `samples.parquet` has and no sample for areas needs."""


def encoded(drawn: pd.DataFrame) -> tuple[bytes, bytes]:
    """A drawn sample as CSV and as GeoJSON, `reference` empty.

    Args:
        drawn: columns `unit`, `lon`, `lat`, `stratum` and `inclusion_probability`.
    """
    table = drawn.assign(**{LON: drawn[LON].round(7), LAT: drawn[LAT].round(7), REFERENCE: ""})
    rows: list[dict[str, Any]] = table.to_dict("records")
    features = [{"type": "Feature", "geometry": {"type": "Point", "coordinates": [row[LON], row[LAT]]},
                 "properties": {key: value for key, value in row.items() if key not in (LON, LAT)}} for row in rows]
    collection = {"type": "FeatureCollection", "features": features}
    return table.to_csv(index=False, lineterminator="\n").encode(), json.dumps(collection).encode()


def read(path: Path) -> pd.DataFrame:
    """A labelled sample, out of CSV, Parquet or GeoJSON by the file's suffix; texts lose blanks about them.

    Raises:
        DataError: the file cannot be read, is of training samples or of parcels, or has texts in place of numbers.
    """
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".geojson": _of_features, ".json": _of_features}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path} is no table that can be read here", mend="give a .csv, .parquet or .geojson file")
    try:
        table: pd.DataFrame = readers[path.suffix.lower()](path)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error})", mend="give a whole .csv, .parquet or .geojson file") \
            from error
    if set(table.columns) >= _OF_TRAINING:
        raise DataError(f"{path} holds training samples: so many a class and cell were drawn, away from edges, and"
                        " nobody knows what share of the area each stands for",
                        mend="draw a sample for areas with `agrispec-gee area design RUN`, and label that")
    if {"parcel", "parcel_id"} & set(table.columns) and LON not in table.columns:
        raise DataError(f"{path} is a sample of parcels; parcels differ in size, and the estimators here count units"
                        " of one size", mend="sample pixels: agrispec-gee area design RUN")
    for name in (STRATUM, "map", REFERENCE):
        if name in table.columns and not pd.api.types.is_numeric_dtype(table[name]):
            words = table[name].astype("string").str.strip()
            table[name] = words.mask(words == "").astype(object)
    for name, wanted in ((INCLUSION, "numbers above 0 and up to 1"), (LON, "degrees"), (LAT, "degrees")):
        if name in table.columns and len(table) and not pd.api.types.is_numeric_dtype(table[name]):
            raise DataError(f"the column {name} of {path} is not of numbers: it begins with {table[name].iloc[0]!r}",
                            mend=f"write {wanted}, with a point before decimals")
    return table


def _of_features(path: Path) -> pd.DataFrame:
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    kinds = sorted({each["geometry"]["type"] for each in features} - {"Point"})
    if kinds:
        raise DataError(f"{path} holds {', '.join(kinds)} where places are wanted",
                        mend="give a Point for each unit that was drawn, the middle of its pixel")
    return pd.DataFrame([{LON: each["geometry"]["coordinates"][0], LAT: each["geometry"]["coordinates"][1],
                          **each["properties"]} for each in features])
