"""Scenes joined with their Cloud Score+ images, in two ways, and the scenes that have none."""

import json
import sys

import ee

ee.Initialize(project="agrispec-local")

scenes = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").filterDate("2023-01-01", "2024-01-01")
scores = ee.ImageCollection("GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED")
same = ee.Filter.equals(leftField="system:index", rightField="system:index")
joined = ee.ImageCollection(ee.Join.saveFirst("score").apply(scenes, scores, same))
unmatched = ee.ImageCollection(ee.Join.inverted().apply(scenes, scores, same))
near = ee.Filter.maxDifference(difference=7 * 86400000, leftField="system:time_start",
                               rightField="system:time_start")
weeks = ee.Join.saveAll("near", ordering="system:time_start").apply(scenes, scores, near)
found = {
    "joined": joined.aggregate_array("system:index").getInfo(),
    "unmatched": unmatched.aggregate_array("system:index").getInfo(),
    "near": weeks.map(lambda scene: ee.Feature(None, {"n": ee.List(scene.get("near")).size()}))
            .aggregate_array("n").getInfo(),
    "means": joined.map(lambda scene: ee.Feature(None, ee.Image(scene.get("score")).reduceRegion(
        ee.Reducer.mean(), ee.Image(scene).geometry(), 10))).aggregate_array("cs").getInfo(),
}
with open(sys.argv[1], "w") as target:
    json.dump(found, target)
