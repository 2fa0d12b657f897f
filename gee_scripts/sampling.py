"""Places on the 0.1 degree grid, and what an image holds there."""

from __future__ import annotations

from collections.abc import Iterable

import ee

from agrispec.grid import Cell


def region(cell: Cell) -> ee.Geometry:
    """A cell as a planar rectangle in degrees."""
    return ee.Geometry.Rectangle(list(cell.bounds), "EPSG:4326", False)


def places(label: ee.Image, cell: Cell, classes: int, per_class: int, scale_m: float,
           seed: int) -> ee.FeatureCollection:
    """At most `per_class` pixels of each class in a cell, drawn at random without repetition.

    Args:
        label: integer band `label`, 0 … `classes` - 1, masked where nothing may be drawn.
        cell: where to draw; pixels are those of its UTM zone at `scale_m` metres.
        classes: C, number of classes.
        per_class: places a class at most; a class with fewer pixels gives them all.
        scale_m: pixel size, metres.
        seed: another number is another draw. Which pixels a seed draws is the engine's own secret.

    Returns:
        A feature a place with properties `label`, `longitude`, `latitude` (pixel centre, degrees).
    """
    image = label.addBands(ee.Image.pixelLonLat())
    return image.stratifiedSample(
        numPoints=per_class, classBand="label", region=region(cell), scale=scale_m, projection=cell.crs, seed=seed,
        classValues=list(range(classes)), classPoints=[per_class] * classes, dropNulls=True, geometries=False)


def gather(image: ee.Image, at: Iterable[tuple[int, float, float]], cell: Cell, scale_m: float) -> ee.FeatureCollection:
    """What `image` holds at places of one cell.

    Args:
        image: unmasked there: a place where a band is masked is left out.
        at: (row, longitude, latitude) of each place, degrees.
        cell: the places' cell; pixels are those of its UTM zone at `scale_m` metres.
        scale_m: pixel size, metres.

    Returns:
        A feature a place with property `row` and one property a band.
    """
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([lon, lat]), {"row": row}) for row, lon, lat in at])
    return image.sampleRegions(collection=points, properties=["row"], scale=scale_m, projection=cell.crs,
                               geometries=False)
