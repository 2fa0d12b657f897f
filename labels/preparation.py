"""A batch of declarations as rows of the harmonised file, as far as each parcel alone can tell."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from agrispec.class_sets import ClassSet
from agrispec.errors import ConfigError, DataError
from labels import declarations, harmonised, parcels
from labels.crop_months import CropColumn, Crops, crops
from labels.declarations import Batch, Declarations
from labels.harmonise import Harmonised, Report, harmonise
from labels.harmonised import GEOMETRY, INSIDE
from labels.mapping_tables import MappingTable

ROW, BITS = "_row", "_bits"
SCHEMA = pa.schema([*(each for each in harmonised.SCHEMA if each.name != "flags"),
                    (ROW, pa.int64()), (BITS, pa.int64())])
"""Rows while they wait for what other parcels say of them: the columns of the file, the number of the parcel's row
among all declarations, and flags as bits in the order of FLAGS."""

OFF = "off the globe or across 180 degrees"
"""Why parcels are left out whose CRS may be another one."""

FLAGS = ("repaired", "sliver", "overlaps", "duplicate", "empty inside")
REPAIRED, SLIVER, OVERLAPS, DUPLICATE, EMPTY_INSIDE = (1 << bit for bit in range(len(FLAGS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How declarations are to be read.

    Attributes:
        country: two letters.
        year: of the declarations.
        code: column of the national code; None where `name` is the key, or `crops` name columns.
        name: column of the national name.
        id: column that names a parcel; None for the number of its row.
        crops: columns of codes with their months, in the order of time.
        layer: of the files, where they have several.
        crs: of the files, where they do not say.
        encoding: of their texts, where they do not say.
        inward_m: metres that outlines are drawn in by.
        leave_out: keep rows whose code has no class, without one; else they are refused.
    """

    country: str
    year: int
    code: str | None = None
    name: str | None = None
    id: str | None = None
    crops: tuple[CropColumn, ...] = ()
    layer: str | None = None
    crs: str | None = None
    encoding: str | None = None
    inward_m: float = 10.0
    leave_out: bool = False

    def __post_init__(self) -> None:
        if self.crops and (self.code or self.name):
            raise ConfigError("--crop names columns of codes, and so does --code or --name",
                              mend="leave out --code and --name")
        if not (self.crops or self.code or self.name):
            raise ConfigError("no column tells what was grown",
                              mend="name it with --code, with --name where a country has no codes, or with --crop"
                                   " where a parcel has several crops")
        if not 0 <= self.inward_m < math.inf:
            raise ConfigError(f"--inward {self.inward_m:g} is no distance inwards", mend="give metres of 0 or more")

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read of a file."""
        named = [each for each in (self.code, self.name, self.id) if each]
        return (*named, *(crop.column for crop in self.crops))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What is made of a batch.

    Attributes:
        rows: of the file to be, and what they wait with.
        bounds: (N, 4) west, south, east, north of their outlines.
        read: rows of the declarations.
        parcels: how many are kept.
        ids: (M,) hash of each parcel's id, and of the ids of its crops where it has several.
        id_rows: (M,) its row among all declarations.
        report: what became of the codes.
        kinds: geometry types of `geometry` and `inside`.
        left_out: parcels, by reason.
    """

    rows: pa.Table
    bounds: NDArray[np.float64]
    read: int
    parcels: int
    ids: NDArray[np.uint64]
    id_rows: NDArray[np.int64]
    report: Report
    kinds: dict[str, set[str]]
    left_out: Counter[str]


def prepared(file: Declarations, before: int, batch: Batch, *, table: MappingTable, class_set: ClassSet, asked: Asked,
             several: bool) -> Prepared:
    """What is made of a batch.

    Args:
        file: that it is of.
        before: how many rows the files before that one have.
        batch: with the columns asked for.
        table: what codes mean.
        class_set: the classes.
        asked: how it is read.
        several: whether there are other files, so that the number of a row does not name a parcel.

    Raises:
        DataError: an outline or a column cannot be read, or a row has no id.
    """
    shapes = file.degrees(batch.outlines)
    outlines, repaired = parcels.repaired(shapes)
    ids = _ids(file, batch, asked.id, several)
    codes, names, found = _declared(batch, asked)
    absent = shapely.is_missing(outlines)
    kept = ~absent[found.parcel]
    parcel = found.parcel[kept]
    # A code that only rows without an outline have need not be in the table.
    different, code = np.unique(found.code[kept], return_inverse=True)
    meant = harmonise(None if codes is None else codes[different], None if names is None else names[different], table,
                      class_set)
    used, place = np.unique(parcel, return_inverse=True)
    kept_outlines, of_parcel = outlines[used], pa.array(place)
    measured = parcels.measured(kept_outlines, asked.inward_m)
    area = measured.area_ha
    bits = (np.where(repaired[used], REPAIRED, 0) | np.where(measured.width_m < parcels.SLIVER_M, SLIVER, 0)
            | np.where(shapely.is_missing(measured.inside), EMPTY_INSIDE, 0))
    means = Harmonised(meant.group[code], meant.declared)
    number = means.class_number
    no_class, no_months = number < 0, np.full(len(code), not asked.crops)
    class_names = pa.array([crop.name for crop in class_set], pa.string())
    several_crops = found.of[kept] > 1
    named = _apart(ids.take(pa.array(parcel)), found.order[kept], several_crops)
    every_id = pa.concat_arrays([ids.take(pa.array(used)), named.filter(pa.array(several_crops))])
    columns = {
        "parcel": named,
        "class": class_names.take(pa.array(number, mask=no_class)),
        "class_number": pa.array(number, mask=no_class),
        "code": _texts(meant.code).take(pa.array(code)),
        "name": _texts(meant.name).take(pa.array(code)),
        "hcat": _texts(meant.hcat).take(pa.array(code)),
        "status": _texts(meant.status).take(pa.array(code)),
        "country": pa.repeat(asked.country, len(code)),
        "year": pa.repeat(pa.scalar(asked.year, pa.int16()), len(code)),
        "source": pa.repeat(file.path.name, len(code)),
        "crop_from": pa.array(found.first[kept], mask=no_months),
        "crop_to": pa.array(found.last[kept], mask=no_months),
        "area_ha": pa.array(area.astype(np.float32)).take(of_parcel),
        "small": pa.array(area < parcels.SMALL_HA).take(of_parcel),
        GEOMETRY: pa.array(shapely.to_wkb(kept_outlines), pa.binary()).take(of_parcel),
        INSIDE: pa.array(shapely.to_wkb(measured.inside), pa.binary()).take(of_parcel),
        ROW: pa.array(before + batch.first + parcel),
        BITS: pa.array(bits).take(of_parcel)}
    coded = np.bincount(found.parcel, minlength=len(outlines)) > 0
    null = batch.outlines.is_null().to_numpy(zero_copy_only=False)
    off, none = shapely.is_missing(shapes) & ~null, null | shapely.is_empty(shapes)
    left_out = {"without a code": ~coded, "without an outline": none & coded, OFF: off & coded,
                "without an area": absent & ~none & ~off & coded}
    return Prepared(
        rows=pa.table(columns, schema=SCHEMA), bounds=shapely.bounds(kept_outlines)[place], read=len(outlines),
        parcels=len(used), ids=pd.util.hash_array(every_id.to_numpy(zero_copy_only=False)),
        id_rows=before + batch.first + np.concatenate([used, parcel[several_crops]]),
        report=Report.of(means, area[place], class_set),
        kinds={GEOMETRY: _kinds(kept_outlines), INSIDE: _kinds(measured.inside)},
        left_out=Counter({reason: int(rows.sum()) for reason, rows in left_out.items()}))


def _apart(ids: pa.Array, order: NDArray[np.int64], several: NDArray[np.bool_]) -> pa.Array:
    """The ids of parcels, with "/1", "/2" where a parcel has several crops."""
    if not several.any():
        return ids
    return pc.if_else(pa.array(several), pc.binary_join_element_wise(ids, pa.array(order).cast(pa.string()), "/"), ids)


def _declared(batch: Batch, asked: Asked) -> tuple[NDArray[np.object_] | None, NDArray[np.object_] | None, Crops]:
    """The different codes of a batch and their names, where columns have these, and the crops declared in them."""
    if asked.crops:
        columns = [declarations.texts(batch.columns[crop.column], crop.column) for crop in asked.crops]
        distinct = list(dict.fromkeys(text for texts, _ in columns for text in texts))
        position = {text: place for place, text in enumerate(distinct)}
        numbers = [np.array([*(position[text] for text in texts), -1], np.intp)[place] for texts, place in columns]
        return np.array(distinct, dtype=object), None, crops(np.stack(numbers, axis=1), asked.crops)
    keys = [declarations.texts(batch.columns[column], column) if column else None
            for column in (asked.code, asked.name)]
    places = np.stack([np.full(len(batch.outlines), -1) if key is None else key[1] for key in keys], axis=1)
    pairs, which = np.unique(places, axis=0, return_inverse=True)
    codes, names = (None if key is None else np.array([*key[0], None], dtype=object)[pairs[:, side]]
                    for side, key in enumerate(keys))
    # The months of this one column are not written.
    return codes, names, crops(np.where((places < 0).all(axis=1), -1, which.ravel())[:, None],
                               [CropColumn(column="", first=1, last=1)])


def _ids(file: Declarations, batch: Batch, column: str | None, several: bool) -> pa.Array:
    """The id of each parcel of a batch: of a column, or the number of its row, after the file's name if need be."""
    length = len(batch.outlines)
    if column is None:
        numbers = pa.array(np.arange(batch.first, batch.first + length)).cast(pa.string())
        return pc.binary_join_element_wise(file.path.name, numbers, ":") if several else numbers
    distinct, place = declarations.texts(batch.columns[column], column)
    if (place < 0).any():
        raise DataError(f"row {batch.first + int(np.flatnonzero(place < 0)[0])} of {file.path} has no {column!r}",
                        mend="leave out --id: parcels are then named by the number of their row")
    return pa.array(distinct, pa.string()).take(pa.array(place))


def _texts(values: NDArray[np.object_]) -> pa.Array:
    """Texts, null where they are empty or None."""
    return pa.array([value or None for value in values.tolist()], pa.string())


def _kinds(shapes: NDArray[np.object_]) -> set[str]:
    found = np.unique(shapely.get_type_id(shapes))
    return {name for number, name in ((3, "Polygon"), (6, "MultiPolygon")) if number in found}
