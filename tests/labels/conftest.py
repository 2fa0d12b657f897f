"""Harmonised declarations of the tiny season, as `labels harmonise` writes them."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyproj import Transformer

from labels.harmonised import SCHEMA, About, writing

INWARD_M = 10.0
# Fields of the tiny season as rows and columns of its pixels, first and behind the last.
FIELDS = {"w1": (0, 9, 0, 6), "w2": (0, 9, 6, 11), "m1": (0, 9, 12, 24), "m2": (10, 20, 0, 12), "m3": (10, 15, 12, 24),
          "thin": (15, 17, 12, 24), "twice": (17, 20, 12, 18), "unknown": (17, 20, 18, 24)}
CODES = {"w1": 0, "w2": 0, "m1": 7, "m2": 8, "m3": 8, "thin": 8, "unknown": None}
NAMES = {0: "winter wheat", 7: "maize", 8: "sorghum"}


def write_harmonised(path, rows, crs="EPSG:32631", inward_m=INWARD_M, class_set="agrispec-17", names=NAMES):
    """`rows` of (parcel, class number or None, year, crop_from or None, polygon in `crs`) as a harmonised file.

    A row may end with what else is to stand in it.
    """
    back = Transformer.from_crs("EPSG:4326", crs, always_xy=True)

    def degrees(shape):
        return shapely.to_wkb(shapely.transform(shape, lambda x, y: back.transform(x, y, direction="INVERSE"),
                                                interleaved=False))

    table = []
    for parcel, number, year, month, shape, *more in rows:
        inside = shape.buffer(-inward_m)
        table.append({
            "parcel": parcel, "class": names.get(number), "class_number": number, "code": f"0{number}", "name": None,
            "hcat": None, "status": "unmapped" if number is None else "mapped", "country": "FR", "year": year,
            "source": "tiny", "crop_from": month, "crop_to": month, "area_ha": shape.area / 1e4,
            "small": shape.area < 5000, "flags": "empty inside" if inside.is_empty else "", "geometry": degrees(shape),
            "inside": None if inside.is_empty else degrees(inside), **(more[0] if more else {})})
    about = About(class_set=class_set, country="FR", year=rows[0][2],
                  mapping_table="mine", mapping_digest="0", sources={"tiny": "0"}, inward_m=inward_m)
    kinds = {"geometry": {"Polygon"}, "inside": {"Polygon"}}
    with writing(path, about, (4.0, 48.0, 5.0, 49.0), kinds) as file:
        for first in range(0, len(table), 6):
            file.add(pa.Table.from_pylist(table[first:first + 6], SCHEMA))
    return path


def field_of(grid, name):
    """A field as a polygon in the grid's CRS."""
    top, bottom, left, right = FIELDS[name]
    scale, _, west, _, _, north = grid.transform
    return shapely.box(west + left * scale, north - bottom * scale, west + right * scale, north - top * scale)


def inner(name):
    """Rows and columns of the pixels whose centre is at least 10 m inside of a field."""
    top, bottom, left, right = FIELDS[name]
    rows, columns = np.mgrid[top + 1:bottom - 1, left + 1:right - 1]
    return rows.ravel(), columns.ravel()


def declare(path, grid, years=(2023, 2024)):
    """The fields as declared in some years; one grows two crops in each of them."""
    rows = [(name, code, year, None, field_of(grid, name)) for year in years for name, code in CODES.items()]
    rows += [(f"twice/{crop}", code, year, month, field_of(grid, "twice")) for year in years
             for crop, code, month in ((1, 0, 3), (2, 7, 8))]
    return write_harmonised(path, rows)


@pytest.fixture(scope="session")
def fields():
    """What the fields of the tiny season are, and what declares them."""
    return SimpleNamespace(ALL=FIELDS, declare=declare, inner=inner, of=field_of, write=write_harmonised)


@pytest.fixture(scope="session")
def declared(tiny, tmp_path_factory):
    """Declarations of the tiny season's fields, in 2023 and in 2024."""
    return declare(tmp_path_factory.mktemp("declared") / "declared.parquet", tiny.grid)
