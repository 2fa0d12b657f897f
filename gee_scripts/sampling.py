"""Places on the 0.1 degree grid, and what an image holds there."""

from __future__ import annotations

from collections.abc import Iterable

import ee

from agrispec.cube import COUNT, CubeSpec
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


def medians(looks: ee.ImageCollection, spec: CubeSpec, table: str, key: str, at: Iterable[tuple[int, str]],
            inward_m: float, cell: Cell) -> ee.FeatureCollection:
    """One cube a parcel: the median of its pixels' features, and their mean number of clear looks.

    A pixel is the parcel's where its centre is at least `inward_m` inside. Where no pixel had a clear look the cube
    holds its fill and a count of 0; a count below 1 is the share of the pixels that were seen.

    Args:
        looks: `cube.looks`.
        spec: their cube.
        table: id of a table asset of parcels; a request holds the ids of some, and no outline.
        key: its property, a text, that tells parcels apart.
        at: (row, id) of each parcel.
        inward_m: metres.
        cell: the parcels' cell; pixels are those of its UTM zone.

    Returns:
        A feature a parcel that the table has, with properties `row` and `cube`, an array of T × columns.
    """
    rows = {parcel: row for row, parcel in at}
    parcels = ee.FeatureCollection(table).filter(ee.Filter.inList(key, list(rows)))
    numbers = ee.Dictionary(rows)
    inner = parcels.map(lambda parcel: parcel.buffer(-inward_m, 1, cell.crs)) if inward_m else parcels
    named = inner.map(lambda parcel: ee.Feature(
        parcel.geometry(), {"row": numbers.getNumber(ee.String(parcel.get(key)))}))
    names = list(spec.patch_bands())
    bands = looks.toBands().rename(names)
    counted = [name for name in names if name.endswith(f"_{COUNT}")]
    for chosen, reducer in (([name for name in names if name not in counted], ee.Reducer.median()),
                            (counted, ee.Reducer.mean())):
        named = bands.select(chosen).reduceRegions(collection=named, reducer=reducer.unweighted(), crs=cell.crs,
                                                   scale=spec.scale_m)

    unseen = ee.List([[name, 0.0 if name in counted else spec.fill] for name in names])

    def as_cube(parcel: ee.Feature) -> ee.Feature:
        # What no pixel has is null.
        values = unseen.map(lambda each: ee.List([parcel.get(ee.List(each).getString(0)), ee.List(each).get(1)])
                            .reduce(ee.Reducer.firstNonNull()))
        return ee.Feature(None, {"row": parcel.get("row"), "cube": ee.Array(values).reshape(list(spec.shape))})

    return named.map(as_cube)
