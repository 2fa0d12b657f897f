"""The latest clear look of a year at every pixel, clouds masked by Cloud Score+."""

import io
import sys

import ee
import numpy as np

ee.Initialize()

scores = ee.ImageCollection("GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED")
scenes = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").filterDate("2023-01-01", "2024-01-01")
clear = scenes.linkCollection(scores, ["cs"]).map(lambda image: image.updateMask(image.select("cs").gte(0.75)))
mosaic = clear.sort("system:time_start").select(["B2", "B3", "B4"]).mosaic().unmask(0).toUint16()
content = ee.data.computePixels({
    "expression": mosaic, "fileFormat": "NPY",
    "grid": {"dimensions": {"width": 24, "height": 20}, "crsCode": "EPSG:32631",
             "affineTransform": {"scaleX": 10, "shearX": 0, "translateX": 613000,
                                 "shearY": 0, "scaleY": -10, "translateY": 5402000}}})
table = np.load(io.BytesIO(content))
np.save(sys.argv[1], np.stack([table[name] for name in ("B2", "B3", "B4")]))
