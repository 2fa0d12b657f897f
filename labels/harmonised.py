"""Declarations in the classes of a class set, as a file: GeoParquet, a row a declared crop, read by row group."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from agrispec.errors import CorruptRecord
from agrispec.formats.atomic import replacing
from agrispec.grid import Bounds

GEOMETRY, INSIDE = "geometry", "inside"

SCHEMA = pa.schema([
    ("parcel", pa.string()),
    ("class", pa.string()),
    ("class_number", pa.int16()),
    ("code", pa.string()),
    ("name", pa.string()),
    ("hcat", pa.string()),
    ("status", pa.string()),
    ("country", pa.string()),
    ("year", pa.int16()),
    ("source", pa.string()),
    ("crop_from", pa.int8()),
    ("crop_to", pa.int8()),
    ("area_ha", pa.float32()),
    ("small", pa.bool_()),
    ("flags", pa.string()),
    (GEOMETRY, pa.binary()),
    (INSIDE, pa.binary()),
])
"""Columns of the file.

`parcel` is unique in it. `class`, `class_number` are null where a code has no class; `crop_from`, `crop_to` are months
where the declarations tell them. `area_ha` and `small` (below 0.5 ha) are of the outline. `flags` are joined by commas:
"repaired", "sliver", "overlaps", "duplicate", "empty inside", "same outline in YEAR". `geometry` is the repaired
outline and `inside` what is left of it away from its edge, both WKB in EPSG:4326, longitude first; `inside` is null
where nothing is left.
"""

_KEY = b"agrispec"
# https://geoparquet.org/releases/v1.1.0/: a column without a CRS is in OGC:CRS84, EPSG:4326 with longitude first.
_GEOPARQUET = "1.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a harmonised file says of itself.

    Attributes:
        class_set: name of the class set.
        country: of the declarations.
        year: of the declarations.
        mapping_table: name of the table that maps codes.
        mapping_digest: its SHA-256.
        sources: SHA-256 of each file of declarations, by its name.
        inward_m: metres that `inside` is drawn in by.
        crs: CRS of each file of declarations, by its name.
        counts: declared crops by status.
        left_out: rows of the declarations that are not in the file, by reason.
    """

    class_set: str
    country: str
    year: int
    mapping_table: str
    mapping_digest: str
    sources: Mapping[str, str]
    inward_m: float
    crs: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


class Writer:
    """A file that is being written, by row groups; `writing` makes it."""

    def __init__(self, file: pq.ParquetWriter) -> None:
        self._file = file

    def add(self, rows: pa.Table) -> None:
        """A row group, with the columns of SCHEMA."""
        self._file.write_table(rows.select(SCHEMA.names).cast(self._file.schema), row_group_size=max(len(rows), 1))


@contextmanager
def writing(path: Path, about: About, bounds: Bounds, kinds: Mapping[str, Collection[str]]) -> Iterator[Writer]:
    """A file that stands at `path` when the block ends well.

    Args:
        path: of the file.
        about: what it says of itself.
        bounds: of all outlines, in degrees.
        kinds: geometry types ("Polygon", "MultiPolygon") in the columns `geometry` and `inside`.

    Raises:
        StorageError: it cannot be written.
    """
    columns: dict[str, dict[str, object]] = {
        name: {"encoding": "WKB", "geometry_types": sorted(kinds[name])} for name in (GEOMETRY, INSIDE)}
    columns[GEOMETRY]["bbox"] = list(bounds)
    geo = {"version": _GEOPARQUET, "primary_column": GEOMETRY, "columns": columns}
    schema = SCHEMA.with_metadata({b"geo": json.dumps(geo), _KEY: json.dumps(asdict(about))})
    with replacing(path) as file, pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=[
            "class", "class_number", "code", "name", "hcat", "status", "country", "year", "source", "crop_from",
            "crop_to", "flags"]) as written:
        yield Writer(written)


def about(path: Path) -> About:
    """What a harmonised file says of itself.

    Raises:
        CorruptRecord: the file is not there, damaged, or was not harmonised.
    """
    with _opened(path) as file:
        return About(**json.loads(file.schema_arrow.metadata[_KEY]))


def read(path: Path, columns: Sequence[str] = tuple(SCHEMA.names)) -> Iterator[pa.Table]:
    """The rows of a harmonised file, a row group at a time, which is what is held in memory.

    Raises:
        CorruptRecord: the file is not there, damaged, or was not harmonised.
    """
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=list(columns))


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    mend = "make it with: agrispec-gee labels harmonise"
    try:
        with pq.ParquetFile(path) as file:
            if _KEY not in (file.schema_arrow.metadata or {}) or not set(SCHEMA.names) <= set(file.schema_arrow.names):
                raise CorruptRecord(f"{path} is not a file of harmonised declarations", mend=mend)
            yield file
    except (OSError, pa.ArrowException) as error:
        raise CorruptRecord(f"{path} is not a file of harmonised declarations ({error})", mend=mend) from error
