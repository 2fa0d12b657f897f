import numpy as np
import pytest

from scenes.phenology import (
    BARLEY,
    BEET,
    CROP_TABLE,
    CROPS,
    MAIZE,
    OTHER,
    RAPESEED,
    SORGHUM,
    SUNFLOWER,
    WHEAT,
    Year,
    grow,
)

DAYS = np.arange(1.0, 366.0)


def parcels(crop: int, following: int = MAIZE, year: Year | None = None, count: int = 200):
    return grow(DAYS, np.full(count, crop), np.full(count, following), year or Year(), np.random.default_rng(3))


def green(growth) -> np.ndarray:
    """Mean green leaf area by day."""
    return (growth.lai * (1 - growth.brown)).mean(axis=1)


def test_every_crop_has_a_class_and_the_frequencies_add_up():
    assert len(CROP_TABLE) == len(CROPS) == 8
    assert sum(crop.frequency for crop in CROP_TABLE) == pytest.approx(1)
    assert [crop.codes for crop in CROPS] == [(i + 1,) for i in range(8)]


@pytest.mark.parametrize("crop", [WHEAT, BARLEY, RAPESEED, MAIZE, SORGHUM, SUNFLOWER, BEET, OTHER])
def test_growth_stays_within_what_grows(crop):
    growth = parcels(crop)
    assert (growth.lai >= 0).all()
    assert growth.lai.max() < 12
    assert ((growth.brown >= 0) & (growth.brown <= 1)).all()
    assert ((growth.flowers >= 0) & (growth.flowers <= 0.6)).all()
    assert (growth.chlorophyll > 5).all()
    assert (growth.water > 0.003).all()


def test_winter_crops_peak_in_spring_and_summer_crops_in_summer():
    for crop in (WHEAT, BARLEY, RAPESEED):
        assert 100 < DAYS[green(parcels(crop)).argmax()] < 165
    for crop in (MAIZE, SORGHUM, SUNFLOWER, BEET):
        assert 180 < DAYS[green(parcels(crop)).argmax()] < 260


def test_barley_ripens_before_wheat_and_maize_before_sorghum():
    def half(crop: int) -> float:
        curve = green(parcels(crop))
        after = np.arange(365) > curve.argmax()
        return float(DAYS[after & (curve < curve.max() / 2)][0])
    assert 8 <= half(WHEAT) - half(BARLEY) <= 20
    assert 2 <= half(SORGHUM) - half(MAIZE) <= 12


def test_a_shifted_year_moves_the_curve_and_vigour_scales_it():
    plain, moved = green(parcels(MAIZE)), green(parcels(MAIZE, year=Year(shift_days=-12)))
    inner = slice(110, 240)
    np.testing.assert_allclose(moved[inner], plain[inner.start + 12: inner.stop + 12], atol=1e-6)
    weak = green(parcels(MAIZE, year=Year(vigour=0.8)))
    assert weak.max() == pytest.approx(0.8 * plain.max(), rel=0.02)


def test_a_shorter_year_brings_later_stages_forward_more():
    year = Year(shift_days=-12, length=0.95)
    ahead = year.stage_day(DAYS) - DAYS
    assert ahead[120] == pytest.approx(12 / 0.95)
    assert (np.diff(ahead) > 0).all()


def test_the_crop_of_the_next_year_is_seen_in_autumn_if_it_is_a_winter_crop():
    assert green(parcels(WHEAT, following=RAPESEED))[290] > green(parcels(WHEAT, following=WHEAT))[290]
    late = slice(335, 360)
    sown, bare = (green(parcels(MAIZE, following=crop))[late].mean() for crop in (WHEAT, MAIZE))
    assert sown > bare + 0.1
