"""A labelled place, where it came from and which fold its cell is in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row of `samples.parquet`; its fields are the table's columns, in this order.

    Attributes:
        row: number that a record carries (a float32 holds it exactly below 2**24); rows ascend, and what an export
            had to leave out leaves a gap.
        lon, lat: centre of the sampled pixel, degrees, WGS 84.
        cell: id of its 0.1 degree cell.
        season: year in which its season ends.
        fold: "train", "validation" or "test", from the cell alone.
        label: class number, or -1 where the season's labels are not opened.
        parcel: id of the declared parcel that the place lies in; "" where it was drawn from a label map.
    """

    row: int
    lon: float
    lat: float
    cell: str
    season: int
    fold: str
    label: int
    parcel: str = ""


UNLABELLED = -1
"""Label of a sample whose class training may not know."""

MOST_ROWS = 2**24
"""Rows a float32 row number can tell apart: Earth Engine writes every number of a record as float32."""
