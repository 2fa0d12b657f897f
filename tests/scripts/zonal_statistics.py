"""Mean and spread of each field, by its polygon."""

import json
import sys

import ee

ee.Initialize(project="agrispec-local")

with open(sys.argv[1]) as source:
    fields = ee.FeatureCollection(json.load(source))
scene = ee.Image(ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").sort("system:time_start", False).first())
reducer = ee.Reducer.mean().combine(ee.Reducer.stdDev(), sharedInputs=True)
found = scene.select(["B4", "B8"]).reduceRegions(collection=fields, reducer=reducer, scale=10, crs="EPSG:32631")
with open(sys.argv[2], "w") as target:
    json.dump([feature["properties"] for feature in found.getInfo()["features"]], target)
