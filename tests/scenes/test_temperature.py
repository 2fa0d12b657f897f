import numpy as np
import pytest

from agrispec.formats.asset_tree import AssetTree
from scenes.landscape import Landscape, landscape_window
from scenes.simulate import TEMPERATURE_COLLECTION, simulate
from scenes.temperature import FREEZING_K, GRID, daily_means

LANDSCAPE = Landscape(windows=24, size=32)


def test_every_window_lies_on_the_grid():
    west, south, east, north = GRID.bounds
    for number in range(24):
        bounds = landscape_window(LANDSCAPE, number).bounds
        assert west < bounds[0] < bounds[2] < east
        assert south < bounds[1] < bounds[3] < north


def test_an_average_year_is_one_of_northern_france():
    days, kelvin = daily_means(LANDSCAPE, 2023)
    assert (len(days), days[0].isoformat(), days[-1].isoformat()) == (365, "2023-01-01", "2023-12-31")
    assert kelvin.shape == (365, *GRID.shape)
    celsius = kelvin.mean(axis=(1, 2)) - FREEZING_K
    months = [celsius[[day.month == month for day in days]].mean() for month in (1, 4, 7, 10)]
    np.testing.assert_allclose(months, [3, 10, 19, 11], atol=1.5)


def test_a_later_seasons_crops_have_had_as_much_warmth_at_the_stages_of_the_average_year():
    usual, later = (np.cumsum(np.maximum(daily_means(LANDSCAPE, year)[1] - FREEZING_K, 0), axis=0)
                    for year in (2023, 2024))
    day = np.arange(90, 270)
    stage = LANDSCAPE.later.stage_day(day)
    known = np.stack([np.interp(stage, np.arange(1, 366), usual[:, row, column])
                      for row in range(7) for column in range(5)])
    off = known - later[day - 1].reshape(len(day), -1).T
    # The clock begins within January, with some tens of °C day that only the average year has had.
    assert np.abs(off.mean()) < 45
    assert np.abs(off - off.mean()).max() < 60
    # By date the later season is hundreds ahead in summer.
    assert (later - usual[:len(later)] if len(later) == 365 else later[:365] - usual)[200].mean() > 200


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    tree = AssetTree(tmp_path_factory.mktemp("assets"))
    simulate(tree, Landscape(windows=1, size=32))
    return tree


def test_what_is_written_are_the_daily_means(written):
    images = written.images(TEMPERATURE_COLLECTION)
    assert len(images) == 365 + 366
    _, kelvin = daily_means(Landscape(windows=1, size=32), 2024)
    leap_day = next(image for image in images if image.id.endswith("/20240229"))
    np.testing.assert_array_equal(written.pixels(leap_day, ["temperature_2m"])[0], kelvin[59])
    assert leap_day.properties["agrispec:simulated"] == "true"
    assert leap_day.properties["system:time_end"] - leap_day.properties["system:time_start"] == 86_400_000
