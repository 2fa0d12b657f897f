"""A sample has the size of the parcel it lies in, as the embedded engine gives it and as geodesy measures it."""

import numpy as np
import pandas as pd
import pytest
from pyproj import Geod

from agrispec.errors import AssetMissing
from agrispec_tf.protocols import parcel_sizes
from exports import samples
from gee_scripts import engine as engines
from gee_scripts import export as graphs

ASSET = "projects/agrispec-local/assets/parcels_{season}"


@pytest.fixture(scope="module")
def run(written, with_parcels, tmp_path_factory):
    made = written(tmp_path_factory.mktemp("parcels") / "run")
    with_parcels(made, 2022)
    return made


@pytest.fixture(scope="module")
def fetch(run):
    engine = engines.open(run.config.engine, run.path)
    yield lambda asset, grid: engine.features(graphs.parcels(asset, grid))
    engine.close()


def test_samples_have_the_area_of_their_parcel_and_others_none(run, fetch):
    table = samples.read(run.samples)
    table = table[table["season"] == 2022]
    found = parcel_sizes.hectares(table, ASSET, fetch).reshape(-1, 12)
    assert np.isnan(found[:, 5:]).all()
    np.testing.assert_allclose(found[:, [0, 3, 4]], 0.16, rtol=5e-3)
    west, south = 4.0 + np.array([0.0149, 0.0201]), 48.4 + np.array([0.0491, 0.0509])
    geodesic, _ = Geod(ellps="WGS84").polygon_area_perimeter(west[[0, 1, 1, 0]], south[[0, 0, 1, 1]])
    np.testing.assert_allclose(found[:, [1, 2]], geodesic / 1e4, rtol=2e-3)


def test_where_parcels_overlap_the_later_one_has_the_sample():
    table = pd.DataFrame({"lon": [4.05, 4.08], "lat": [48.45, 48.45], "cell": "E0040N0484", "season": 2022})

    def square(half):
        ring = [[4.05 - half, 48.45 - half], [4.05 + half, 48.45 - half], [4.05 + half, 48.45 + half],
                [4.05 - half, 48.45 + half], [4.05 - half, 48.45 - half]]
        return {"geometry": {"type": "Polygon", "coordinates": [ring]}}
    large, none = parcel_sizes.hectares(table, ASSET, lambda asset, grid: [square(0.001), square(0.002)])
    small, _ = parcel_sizes.hectares(table, ASSET, lambda asset, grid: [square(0.002), square(0.001)])
    assert large == pytest.approx(4 * small, rel=1e-3)
    assert np.isnan(none)
    assert np.isnan(parcel_sizes.hectares(table, ASSET, lambda asset, grid: [])).all()


def test_a_season_without_a_table_of_parcels_is_told_with_its_mend(run, fetch):
    table = samples.read(run.samples)
    with pytest.raises(AssetMissing, match=r"parcels_2023.*; give a table of parcels for every source season"):
        parcel_sizes.hectares(table[table["season"] == 2023], ASSET, fetch)
