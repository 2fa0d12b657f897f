"""A composite exported to an asset, and read back."""

import sys
import time

import ee
import numpy as np

PROJECT = "my-crop-project"
ee.Initialize(project=PROJECT)

scenes = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").filterDate("2023-04-01", "2023-07-01").select(["B4", "B8"])
composite = scenes.reduce(ee.Reducer.percentile([50])).rename(["red", "nir"]).unmask(0).toFloat()
name = f"projects/{PROJECT}/assets/composites/spring"
ee.data.createAsset({"type": "FOLDER"}, f"projects/{PROJECT}/assets/composites")
task = ee.batch.Export.image.toAsset(image=composite.set("season", "spring"), description="spring", assetId=name,
                                     crs="EPSG:32631", crsTransform=[10, 0, 613000, 0, -10, 5402000],
                                     dimensions="24x20", maxPixels=1e9)
task.start()
while task.active():
    time.sleep(0.05)
status = task.status()
if status["state"] != "COMPLETED":
    sys.exit(f"{status['state']}: {status.get('error_message')}")
back = ee.Image(name)
print(back.get("season").getInfo(), back.bandNames().getInfo(), round(back.projection().nominalScale().getInfo()))
pixels = ee.data.getPixels({"assetId": name, "fileFormat": "NUMPY_NDARRAY"})
np.save(sys.argv[1], np.stack([pixels["red"], pixels["nir"]]))
