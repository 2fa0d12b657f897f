"""Labelled samples of fields, to a CSV in a bucket."""

import json
import sys
import time

import ee

ee.Initialize(project="agrispec-local")

with open(sys.argv[1]) as source:
    fields = ee.FeatureCollection(json.load(source))
scene = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").sort("system:time_start").first().select(["B2", "B8"])
image = scene.addBands(ee.Image.pixelCoordinates(ee.Projection("EPSG:32631", [10, 0, 613000, 0, -10, 5402000])))
samples = image.sampleRegions(collection=fields, properties=["crop"], scale=10, projection="EPSG:32631")
task = ee.batch.Export.table.toCloudStorage(collection=samples, description="samples", bucket="samples",
                                            fileNamePrefix="tiny/samples", fileFormat="CSV",
                                            selectors=["crop", "x", "y", "B2", "B8"])
task.start()
while task.active():
    time.sleep(0.05)
print(task.status()["state"], samples.aggregate_histogram("crop").getInfo())
