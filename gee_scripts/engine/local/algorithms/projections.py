"""Projections."""

from __future__ import annotations

import math
from typing import Any

from pyproj import CRS

from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.domains import Projection, is_geographic


@algorithm("Projection")
def projection(crs: Any, transform: list[float] | None, wkt: str | None) -> Projection:
    """A CRS with a transform from pixels to its coordinates."""
    if isinstance(crs, Projection):
        crs = crs.crs
    if not isinstance(crs, str):
        raise AlgorithmError("the CRS is no string", mend="give an EPSG code such as EPSG:32631")
    is_geographic(crs)
    if transform is None:
        return Projection(crs)
    try:
        a, b, c, d, e, f = map(float, transform)
    except (ValueError, TypeError) as error:
        raise AlgorithmError(f"'{transform}' is no transform", mend="give six numbers") from error
    return Projection(crs, (a, b, c, d, e, f))


@algorithm("Projection.scale")
def scale(base: Projection, x: float, y: float) -> Projection:
    """The projection with pixels x times as wide and y times as high."""
    a, b, c, d, e, f = base.transform
    return Projection(base.crs, (a * x, b * y, c, d * x, e * y, f))


@algorithm("Projection.translate")
def translate(base: Projection, x: float, y: float) -> Projection:
    """The projection moved by x columns and y rows."""
    a, b, c, d, e, f = base.transform
    return Projection(base.crs, (a, b, a * x + b * y + c, d, e, d * x + e * y + f))


@algorithm("Projection.atScale")
def at_scale(base: Projection, metres: float) -> Projection:
    """The projection with square pixels of that size."""
    if not (metres > 0 and math.isfinite(metres)):
        raise AlgorithmError(f"The scale must be positive. Got {metres}", mend="give metres")
    return base.at_scale(metres)


@algorithm("Projection.crs")
def crs(base: Projection) -> str:
    """The CRS's code."""
    return base.crs


@algorithm("Projection.wkt", differs="the text is that of PROJ, in the first version of WKT")
def wkt(base: Projection) -> str:
    """The CRS as well-known text."""
    return str(CRS.from_user_input(base.crs).to_wkt("WKT1_GDAL", pretty=True))


@algorithm("Projection.nominalScale")
def nominal_scale(base: Projection) -> float:
    """Metres of a pixel's side."""
    return base.nominal_scale


@algorithm("Projection.transform")
def transform(base: Projection) -> str:
    """The transform as WKT of a parametric transform."""
    a, b, c, d, e, f = base.transform
    rows = [("elt_0_0", a), ("elt_0_1", b), ("elt_0_2", c), ("elt_1_0", d), ("elt_1_1", e), ("elt_1_2", f)]
    cells = ", \n  ".join(f'PARAMETER["{name}", {value}]' for name, value in rows)
    return f'PARAM_MT["Affine", \n  PARAMETER["num_row", 3], \n  PARAMETER["num_col", 3], \n  {cells}]'


@algorithm("ErrorMargin")
def error_margin(value: float | None, unit: str) -> float:
    """The tolerance of reprojections; recorded nowhere, for geometries are reprojected closely."""
    return float(value or 0)
