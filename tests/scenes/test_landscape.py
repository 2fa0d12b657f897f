import numpy as np
import pytest

from agrispec.bands import SENTINEL2_IDS
from agrispec.errors import ConfigError
from agrispec.grid import cell_of
from scenes.canopy import CanopyTable
from scenes.landscape import Landscape, label_image, landscape_window, scenes_of
from scenes.phenology import CROPS, Year

SMALL = Landscape(windows=2, size=48)


@pytest.fixture(scope="module")
def table() -> CanopyTable:
    return CanopyTable.computed()


@pytest.mark.parametrize("wrong", [{"windows": 0}, {"windows": 25}, {"size": 33}, {"size": 16}, {"size": 256},
                                   {"seasons": (2023, 2025)}, {"seasons": ()}])
def test_an_impossible_landscape_is_refused(wrong):
    with pytest.raises(ConfigError):
        Landscape(**wrong)


def test_the_same_seed_gives_the_same_landscape_and_another_seed_another(table):
    def first(landscape: Landscape) -> np.ndarray:
        return scenes_of(landscape, landscape_window(landscape, 0), 2023, table).dn
    same = first(SMALL)
    np.testing.assert_array_equal(same, first(SMALL))
    assert (same != first(Landscape(windows=2, size=48, seed=8))).mean() > 0.5


def test_each_window_has_a_cell_a_tile_and_a_place_of_its_own():
    landscape = Landscape(windows=24)
    windows = [landscape_window(landscape, number) for number in range(24)]
    assert len({window.cell for window in windows}) == len({window.tile for window in windows}) == 24
    for window in windows:
        west, south, east, north = window.bounds
        assert {cell_of(x, y) for x in (west, east) for y in (south, north)} == {window.cell}
        assert window.grid.crs == "EPSG:32631" == window.cell.crs
        assert window.grid.transform[2] % 10 == window.grid.transform[5] % 10 == 0


def test_labels_are_the_parcels_crops_and_woods_have_none():
    landscape = Landscape()
    window = landscape_window(landscape, 1)
    for index, season in enumerate(landscape.seasons):
        labels = label_image(window, season, landscape)
        number = window.parcels.number
        assert (labels[number < 0] == 0).all()
        for i in range(len(window.parcels.polygons)):
            expected = 0 if window.parcels.wood[i] else CROPS.classes[window.crops[index, i]].codes[0]
            assert (labels[number == i] == expected).all()


def test_every_class_grows_somewhere_in_both_seasons():
    landscape = Landscape()
    for season in landscape.seasons:
        seen = [np.unique(label_image(landscape_window(landscape, n), season, landscape)) for n in range(12)]
        assert set(np.concatenate(seen)) == set(range(9))
        assert min(sum(code in codes for codes in seen) for code in range(1, 9)) >= 6  # of twelve cells


def test_the_later_season_is_weather_and_rotation_alone(table):
    """Without its weather the second season has the same phenology: mean NDVI by crop keeps its peak."""
    plain, warm = Landscape(later=Year()), Landscape()
    window = landscape_window(plain, 0)
    days = np.array([100, 125])

    def leafy_days(landscape: Landscape) -> float:
        scenes = scenes_of(landscape, window, 2024, table)
        winter = np.isin(label_image(window, 2024, landscape), (1, 2))
        dn = scenes.dn[:, :, winter].astype(float)
        ndvi = (dn[:, 6] - dn[:, 2]) / (dn[:, 6] + dn[:, 2])
        clear = scenes.cs[:, winter] >= 0.75
        season = (scenes.overhead.days > days[1]) & (scenes.overhead.days < 215)
        good = season & (clear.mean(axis=1) > 0.5)
        mean = np.array([ndvi[t, clear[t]].mean() for t in np.flatnonzero(good)])
        return float(np.interp(0.5, mean[::-1], scenes.overhead.days[good][::-1]))
    assert 8 <= leafy_days(plain) - leafy_days(warm) <= 26


def test_20_m_bands_are_constant_on_blocks_and_10_m_bands_are_not(table):
    dn = scenes_of(SMALL, landscape_window(SMALL, 0), 2023, table).dn
    blocks = dn.reshape(len(dn), 10, 24, 2, 24, 2)
    flat = (blocks == blocks[:, :, :, :1, :, :1]).all(axis=(3, 5)).mean(axis=(0, 2, 3))
    coarse = np.array([name in ("B5", "B6", "B7", "B8A", "B11", "B12") for name in SENTINEL2_IDS])
    assert (flat[coarse] == 1).all()
    assert (flat[~coarse] < 0.2).all()
