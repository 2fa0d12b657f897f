"""Tables as GeoPackage, which desktop GIS open by a click. https://www.geopackage.org/spec131/"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray
from shapely import GeometryType

from agrispec.formats.atomic import write_files
from agrispec.formats.geoparquet import GEOMETRY

# A GeoPackage says when it was changed. With the time of day in it, the same table would be another file each time.
_DATE = {"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"}

_NAMES = {GeometryType.POLYGON: "Polygon", GeometryType.MULTIPOLYGON: "MultiPolygon"}


def write(path: Path, table: pa.Table, layer: str) -> None:
    """Write a table as the only layer of a GeoPackage; the same table makes the same bytes.

    Args:
        path: of the file.
        table: columns of texts, integers and floats, of which none differs from another by capitals alone, and
            `geometry`, WKB in EPSG:4326, longitude first. Heights are left out. Where some are polygons and some
            multipolygons, the former become multipolygons of one part, so that GIS show one layer.
        layer: its name.

    Raises:
        StorageError: it cannot be written.
    """
    shapes, kind = _of_one_kind(shapely.from_wkb(table.column(GEOMETRY).to_numpy(zero_copy_only=False)))
    place = table.column_names.index(GEOMETRY)
    table = table.set_column(place, GEOMETRY, pa.array(shapely.to_wkb(shapes, output_dimension=2), pa.binary()))
    # Where there is no row, nobody knows what a column would hold.
    table = table.cast(pa.schema([(each.name, pa.string() if pa.types.is_null(each.type) else each.type)
                                  for each in table.schema]))
    number = "ogc_fid" if "fid" in map(str.lower, table.column_names) else "fid"
    content = io.BytesIO()
    pyogrio.set_gdal_config_options(_DATE)
    try:
        pyogrio.write_arrow(table, content, layer=layer, driver="GPKG", geometry_name=GEOMETRY, geometry_type=kind,
                            crs="EPSG:4326", layer_options={"FID": number, "GEOMETRY_NAME": GEOMETRY})
    finally:
        pyogrio.set_gdal_config_options(dict.fromkeys(_DATE))
    write_files({path: content.getbuffer()})


def _of_one_kind(shapes: NDArray[Any]) -> tuple[NDArray[Any], str]:
    kinds = set(shapely.get_type_id(shapes).tolist())
    if kinds == set(_NAMES):
        parts, owners = shapely.get_parts(shapes, return_index=True)
        shapes = np.full(len(shapes), shapely.MultiPolygon(), object)
        shapely.multipolygons(parts, indices=owners, out=shapes)
        kinds = {GeometryType.MULTIPOLYGON}
    return shapes, _NAMES.get(kinds.pop(), "Unknown") if len(kinds) == 1 else "Unknown"
