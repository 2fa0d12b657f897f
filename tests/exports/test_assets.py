"""What is published is read back, and what differs is found."""

import numpy as np
import pytest

from agrispec.config import Service
from agrispec.errors import TaskFailed
from agrispec.formats import geotiff
from agrispec.grid import Grid
from agrispec.season import Season
from exports import assets
from gee_scripts import engine as engines
from gee_scripts import export as graphs

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=40, height=30)
FOLDER = "projects/agrispec-local/assets/published"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    home = tmp_path_factory.mktemp("publish")
    (home / "landscape").mkdir()
    opened = engines.open(Service(), home)
    opened.create_folder(FOLDER)
    yield opened
    opened.close()


def image(tmp_path, values):
    geotiff.write(tmp_path / "class.tif", values[None], GRID, names=["class"], nodata=255)
    return assets.ImageAsset(asset_id=f"{FOLDER}/class", file=tmp_path / "class.tif", band="class", pyramiding="MODE",
                             missing=255, properties={"model": "a", "season": 2023})


def test_an_image_arrives_as_it_was_and_a_changed_pixel_is_found(engine, tmp_path):
    values = np.random.default_rng(0).integers(0, 8, GRID.shape).astype(np.uint8)
    values[:3, :7] = 255
    asset = image(tmp_path, values)
    assets.publish_image(engine, "agrispec-local", asset, Season.of(2023), lambda operation: None)
    assert assets.compare_image(engine, graphs.image(asset.asset_id, 255), asset) == 1200
    described = engine.asset(asset.asset_id)
    assert described["properties"]["model"] == "a"
    assert described["startTime"].startswith("2023-01-01")
    values[5, 5] = (values[5, 5] + 1) % 8
    with pytest.raises(TaskFailed, match="1 of 1200 pixels"):
        assets.compare_image(engine, graphs.image(asset.asset_id, 255), image(tmp_path, values))


def test_ids_of_digits_stay_texts_and_a_lost_row_is_found(engine):
    rows = [{"parcel_id": name, "class": number, "probability": 0.5 + number,
             "geometry": {"type": "Point", "coordinates": [4.5, 48.7 + number / 100]}}
            for number, name in enumerate(("0012", "12"))]
    table = f"{FOLDER}/parcels"
    assets.publish_table(engine, "agrispec-local", rows, table, {"season": 2023}, Season.of(2023), lambda done: None)
    assert assets.compare_table(engine, graphs.table(table), rows, "parcel_id") == 2
    with pytest.raises(TaskFailed, match="1 are missing"):
        assets.compare_table(engine, graphs.table(table), [*rows, {**rows[0], "parcel_id": "13"}], "parcel_id")
    with pytest.raises(TaskFailed, match="parcel '12' has class = 1 instead of 4"):
        assets.compare_table(engine, graphs.table(table), [rows[0], {**rows[1], "class": 4}], "parcel_id")
