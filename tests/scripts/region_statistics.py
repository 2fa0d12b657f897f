"""Statistics of one scene in a rectangle, and how many pixels each crop has."""

import json
import sys

import ee

ee.Initialize(project="agrispec-local")

scene = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").sort("system:time_start").first().select(["B4", "B8"])
field = ee.Geometry.Rectangle([613050, 5401850, 613200, 5401950], "EPSG:32631", False)
reducer = (ee.Reducer.mean().combine(ee.Reducer.stdDev(), sharedInputs=True)
           .combine(ee.Reducer.minMax(), sharedInputs=True)
           .combine(ee.Reducer.percentile([25, 75]), sharedInputs=True).combine(ee.Reducer.count(), sharedInputs=True))
found = scene.reduceRegion(reducer=reducer, geometry=field, scale=10, maxPixels=1e6).getInfo()
labels = ee.Image("projects/agrispec-local/assets/labels/tiny_2023")
found["crops"] = labels.reduceRegion(ee.Reducer.frequencyHistogram(), labels.geometry(), 10).get("crop").getInfo()
with open(sys.argv[1], "w") as target:
    json.dump(found, target)
