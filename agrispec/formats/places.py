"""Drawn places and the declared parcels that they lie in, as a parquet file."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from agrispec.config import Config
from agrispec.errors import CorruptRecord

COLUMNS = ("lon", "lat", "cell", "season", "code", "parcel")

UNKNOWN = -1
"""Code of a place whose season declares nothing."""

PIXEL, MEDIAN = "pixel", "parcel-median"
"""What a sample's series is of: of the pixel at its place, or the median of its parcel's pixels."""

_ABOUT = b"agrispec"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """N places.

    Attributes:
        table: `lon` and `lat` (pixel centre, degrees), `cell`, `season`, `code` of [[classes]], `parcel` (id).
        unit: `PIXEL` or `MEDIAN`.
        inward_m: how far inside of the parcels' outlines the places are at least, metres.
        years: the year whose declarations a season's places lie in; another than the season's own where that has none.
        asked: `asked_of` the configuration that they were drawn for.
    """

    table: pd.DataFrame
    unit: str
    inward_m: float
    years: Mapping[int, int]
    asked: Mapping[str, Any]


def asked_of(config: Config) -> dict[str, Any]:
    """What of a configuration decides which places are drawn."""
    cells = "/".join(cell.id for cell in config.area.resolved)
    return {"seasons": [*config.season.source, config.season.target],
            "classes": [[crop.name, list(crop.codes)] for crop in config.taxonomy],
            "area": hashlib.sha256(cells.encode()).hexdigest()[:16],
            "samples": {"per_class": config.samples.per_class, "per_cell": config.samples.per_cell,
                        "seed": config.samples.seed},
            "split": asdict(config.split), "scale_m": config.spec.scale_m}


def encode(places: Places) -> bytes:
    """The bytes of the file."""
    found = pa.Table.from_pandas(places.table[list(COLUMNS)], preserve_index=False)
    about = {"unit": places.unit, "inward_m": places.inward_m, "asked": places.asked,
             "years": {str(season): year for season, year in places.years.items()}}
    sink = io.BytesIO()
    pq.write_table(found.replace_schema_metadata({**(found.schema.metadata or {}), _ABOUT: json.dumps(about).encode()}),
                   sink, compression="zstd")
    return sink.getvalue()


def read(path: Path) -> Places:
    """The places of a file.

    Raises:
        CorruptRecord: it is not there, or no such file.
    """
    try:
        found = pq.read_table(path)
        about = json.loads(found.schema.metadata[_ABOUT])
        return Places(table=found.select(list(COLUMNS)).to_pandas(), unit=about["unit"], inward_m=about["inward_m"],
                      years={int(season): year for season, year in about["years"].items()}, asked=about["asked"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptRecord(f"{path} holds no drawn places ({error})",
                            mend="draw them with: agrispec-gee labels draw RUN FILE...") from error
