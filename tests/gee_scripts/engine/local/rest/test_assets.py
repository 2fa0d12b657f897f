"""Asset calls through the real client: lists by conditions, and images that stay in a bucket."""

from datetime import UTC, datetime

import ee
import numpy as np
import pytest

RNG = np.random.default_rng(11)
PIXELS = RNG.integers(1, 200, (2, 50, 70)).astype(np.uint8)

@pytest.mark.parametrize(("condition", "days"), [
    ("", [1, 2, 3, 4]), ("properties.cloud > 15", [2, 3, 4]), ("properties.cloud > 15 AND properties.tile = A", [3]),
    ("properties.tile = A OR properties.tile = B AND properties.cloud < 25", [1, 2]),
    ("(properties.tile = A AND properties.cloud < 15) OR properties.cloud = 20", [1, 2]),
    ("NOT properties.tile = A", [2, 4]), ("-properties.tile = A", [2, 4]), ("properties.tile:*", [1, 2, 3]),
    ("NOT properties.tile:*", [4]), ("properties.tile != A", [2]), ('properties.name = "i*"', [1, 2, 3, 4]),
    ('properties.name = "*3"', [3]), ('startTime >= "2024-05-03T00:00:00Z"', [3, 4]),
    ('startTime < 2024-05-02', [1]), ("type = IMAGE properties.cloud <= 20", [1, 2]), ("type = TABLE", []),
    ('properties.name = "say \\"i3\\""', []), ('intersects("POINT(3.001 48.749)")', [1, 2, 3, 4]),
    ("NOT intersects(\"{'type': 'Point', 'coordinates': [3.001, 48.749]}\")", []),
    ('updateTime > "2020-01-01T00:00:00Z"', [1, 2, 3, 4])])
def test_assets_are_listed_by_conditions(running, condition, days):
    folder = f"{running.home}/filtered"
    if not running.tree.exists(folder):
        running.tree.create_collection(folder)
        for day in range(1, 5):
            running.tree.write_image(f"{folder}/i{day}", arrays={"b": PIXELS[0]}, grid=running.grid,
                                     properties={"cloud": 10 * day, "name": f"i{day}",
                                                 "tile": {1: "A", 2: "B", 3: "A"}.get(day)},
                                     time_start=datetime(2024, 5, day, tzinfo=UTC))
    found = ee.data.listAssets({"parent": folder, "filter": condition})["assets"]
    assert [asset["id"].rpartition("/")[2] for asset in found] == [f"i{day}" for day in days]


def test_long_queries_that_the_client_sends_as_a_body_are_understood(running):
    condition = " AND ".join(f"properties.p{i}=1" for i in range(300))
    assert ee.data.listAssets({"parent": running.home, "filter": condition}) == {"assets": []}


@pytest.mark.parametrize(("uri", "words"), [
    ("gs://bucket/x.tfrecord", "made of cloud optimized GeoTIFFs, not of gs://bucket/x.tfrecord"),
    ("gs://bucket/missing.tif", "no such object")])
def test_what_is_no_geotiff_in_a_bucket_is_refused_as_an_external_image(running, uri, words):
    with pytest.raises(ee.EEException, match=words):
        ee.data.startExternalImageIngestion({"name": f"{running.home}/no",
                                             "tilesets": [{"sources": [{"uris": [uri]}]}]})
    assert not running.tree.exists(f"{running.home}/no")
