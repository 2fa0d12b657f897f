"""A forest that was trained elsewhere, classifying a scene: its trees come as text, one a file."""

import sys
from pathlib import Path

import ee
import numpy as np

ee.Initialize(project="agrispec-local")

folder, result = Path(sys.argv[1]), sys.argv[2]
trees = [path.read_text() for path in sorted(folder.glob("*.txt"))]
forest = ee.Classifier.decisionTreeEnsemble(ee.List(trees))
scene = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").sort("system:time_start").first()
classes = scene.select(["B3", "B4", "B8", "B11"]).classify(forest)
pixels = ee.data.computePixels({
    "expression": classes.unmask(-1).toInt(), "fileFormat": "NUMPY_NDARRAY",
    "grid": {"dimensions": {"width": 24, "height": 20}, "crsCode": "EPSG:32631",
             "affineTransform": {"scaleX": 10, "shearX": 0, "translateX": 613000,
                                 "shearY": 0, "scaleY": -10, "translateY": 5402000}}})
np.save(result, pixels["classification"])
