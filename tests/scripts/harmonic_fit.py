"""A yearly harmonic of NDVI at every pixel, by linear regression on clear looks."""

import math
import sys

import ee
import numpy as np

ee.Initialize(project="agrispec-local")

TERMS = ["constant", "t", "cos", "sin"]
START = ee.Date("2023-01-01")


def prepared(scene):
    years = scene.date().difference(START, "day").divide(365.25)
    angle = ee.Image.constant(years.multiply(2 * math.pi)).toDouble()
    clear = scene.select("SCL").gte(4).And(scene.select("SCL").lte(7))
    terms = ee.Image.cat(ee.Image.constant(1).toDouble(), ee.Image.constant(years).toDouble(), angle.cos(), angle.sin())
    ndvi = scene.normalizedDifference(["B8", "B4"]).rename("ndvi")
    return terms.rename(TERMS).addBands(ndvi).updateMask(clear)


scenes = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").map(prepared)
fit = scenes.select([*TERMS, "ndvi"]).reduce(ee.Reducer.linearRegression(numX=len(TERMS), numY=1))
coefficients = fit.select("coefficients").arrayProject([0]).arrayFlatten([TERMS])
pixels = ee.data.computePixels({
    "expression": coefficients.unmask(0), "fileFormat": "NUMPY_NDARRAY",
    "grid": {"dimensions": {"width": 24, "height": 20}, "crsCode": "EPSG:32631",
             "affineTransform": {"scaleX": 10, "shearX": 0, "translateX": 613000,
                                 "shearY": 0, "scaleY": -10, "translateY": 5402000}}})
np.save(sys.argv[1], np.stack([pixels[name] for name in TERMS]))
