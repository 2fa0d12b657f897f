"""A table of one field through the season: a row a scene, with its date, clear share and mean NDVI."""

import csv
import sys

import ee

ee.Initialize(project="agrispec-local")

field = ee.Geometry.Rectangle([613050, 5401850, 613200, 5401950], "EPSG:32631", False)


def row(scene):
    ndvi = scene.normalizedDifference(["B8", "B4"]).rename("ndvi")
    clear = scene.select("SCL").gte(4).And(scene.select("SCL").lte(7))
    mean = ndvi.updateMask(clear).reduceRegion(ee.Reducer.mean(), field, 10)
    share = clear.rename("clear").reduceRegion(ee.Reducer.mean(), field, 10)
    return ee.Feature(None, {"date": scene.date().format("YYYY-MM-dd"), "ndvi": mean.get("ndvi"),
                             "clear": share.get("clear")})


scenes = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").filterBounds(field).filterDate("2023-03-01", "2023-08-01")
table = ee.FeatureCollection(scenes.map(row)).filter(ee.Filter.notNull(["ndvi"])).getInfo()
with open(sys.argv[1], "w", newline="") as target:
    writer = csv.DictWriter(target, ["date", "ndvi", "clear"])
    writer.writeheader()
    writer.writerows(feature["properties"] for feature in table["features"])
