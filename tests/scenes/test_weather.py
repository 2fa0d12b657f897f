import itertools
from datetime import timedelta

import numpy as np
import pytest

from scenes.weather import Sky, cloud_score, halved, passes, regional, scene_classes, sky_over, smooth_noise, through

OVERHEAD = passes(2023, 48.5, 4.0)


@pytest.fixture(scope="module")
def sky() -> Sky:
    return sky_over(96, OVERHEAD, regional(OVERHEAD, np.random.default_rng(1)), np.random.default_rng(2))


def test_there_is_a_look_every_two_or_three_days_across_the_turn_of_the_year():
    times = OVERHEAD.times + passes(2024, 48.5, 4.0).times
    gaps = {round((b - a) / timedelta(days=1)) for a, b in itertools.pairwise(times)}
    assert gaps == {2, 3}
    assert len(OVERHEAD.times) == 146
    for craft in ("Sentinel-2A", "Sentinel-2B"):
        own = [time for time, name in zip(OVERHEAD.times, OVERHEAD.spacecraft, strict=True) if name == craft]
        assert sorted({round((b - a) / timedelta(days=1)) for a, b in zip(own[::2], own[2::2], strict=False)}) == [10]


def test_the_sun_is_highest_at_midsummer_and_stands_before_noon_in_the_south_east():
    days = OVERHEAD.days
    assert abs(days[OVERHEAD.zenith.argmin()] - 172) < 6
    assert 25 < OVERHEAD.zenith.min() < 30
    assert 70 < OVERHEAD.zenith.max() < 76
    assert ((OVERHEAD.azimuth > 140) & (OVERHEAD.azimuth < 180)).all()


def test_winter_is_cloudier_than_summer(sky):
    summer = np.abs(OVERHEAD.days - 205) < 60
    years = [sky_over(32, OVERHEAD, regional(OVERHEAD, np.random.default_rng(i)), np.random.default_rng(i)).opacity
             for i in range(6)]
    cloudy = np.mean([year.mean(axis=(1, 2)) for year in years], axis=0)
    assert cloudy[summer].mean() + 0.1 < cloudy[~summer].mean()


def test_a_shadow_lies_on_the_side_away_from_the_sun():
    """The shadow's pattern correlates best with the cloud's when shifted to the north-north-west."""
    weather = regional(OVERHEAD, np.random.default_rng(1))
    sky = sky_over(96, OVERHEAD, weather, np.random.default_rng(2))
    partly = [t for t in range(146) if 0.2 < sky.opacity[t].mean() < 0.6 and OVERHEAD.zenith[t] < 50]
    north, votes = 0.0, 0
    for t in partly:
        cloud, shade = sky.opacity[t] - sky.opacity[t].mean(), sky.shadow[t] / np.maximum(1 - sky.opacity[t], 0.05)
        shade = np.clip(shade, 0, 1) - np.clip(shade, 0, 1).mean()
        # A shift of s rows: cloud at row r + s casts the shadow at row r, so s > 0 is a shadow north of its cloud.
        score = [np.corrcoef(cloud[max(s, 0): 96 + min(s, 0)].ravel(), shade[max(-s, 0): 96 - max(s, 0)].ravel())[0, 1]
                 for s in range(-50, 51)]
        north += int(np.argmax(score)) - 50 > 0
        votes += 1
    assert votes >= 8
    assert north / votes > 0.8


def test_cloud_score_follows_the_truth_but_not_perfectly(sky):
    cs, cdf = cloud_score(sky, np.random.default_rng(3))
    truth = (sky.opacity < 0.07) & (sky.shadow < 0.1)
    kept = cs >= 0.75
    assert ((cs >= 0) & (cs <= 1)).all()
    assert ((cdf >= 0) & (cdf <= 1)).all()
    assert np.corrcoef(cs.ravel(), (1 - sky.opacity).ravel())[0, 1] > 0.8
    assert np.corrcoef(cs.ravel(), cdf.ravel())[0, 1] > 0.95
    assert 0.001 < (kept & ~truth).mean() < 0.1  # some veils slip through
    assert 0.001 < (~kept & truth).mean() < 0.1  # some clear ground is lost
    assert not (kept & (sky.opacity > 0.5)).any()
    np.testing.assert_array_equal(cs * 256, np.rint(cs * 256))


def test_scene_classes_name_most_of_the_cloud_on_blocks_of_20_m(sky):
    surface = np.full((146, 10, 96, 96), 0.05, np.float32)
    surface[:, 5:8] = 0.4
    observed = through(surface, sky, np.random.default_rng(4))
    scl = scene_classes(observed, sky, np.random.default_rng(5))
    assert set(np.unique(scl)) <= {3, 4, 5, 7, 8, 9, 10}
    np.testing.assert_array_equal(scl, scl[:, ::2, ::2].repeat(2, 1).repeat(2, 2))
    thick, clear = sky.opacity > 0.8, (sky.opacity < 0.02) & (sky.shadow < 0.05)
    assert np.isin(scl[thick], (8, 9, 10)).mean() > 0.95
    assert np.isin(scl[clear], (4, 5, 7)).mean() > 0.95
    assert np.isin(scl, (8, 9, 10)).mean() == pytest.approx((sky.opacity > 0.14).mean(), abs=0.08)


def test_a_clear_sky_leaves_the_ground_and_a_closed_one_hides_it():
    count = len(OVERHEAD.times)
    none, full = np.zeros((count, 32, 32), np.float32), np.ones((count, 32, 32), np.float32)
    ground = np.random.default_rng(6).uniform(0.02, 0.5, (count, 10, 32, 32)).astype(np.float32)
    clear = through(ground.copy(), Sky(opacity=none, shadow=none), np.random.default_rng(7))
    assert np.abs(clear - ground).mean() < 0.012
    closed = through(ground.copy(), Sky(opacity=full, shadow=none), np.random.default_rng(7))
    assert np.abs(np.corrcoef(closed[:, 0].ravel(), ground[:, 0].ravel())[0, 1]) < 0.02
    shaded = through(ground.copy(), Sky(opacity=none, shadow=full), np.random.default_rng(7))
    assert (shaded.mean(axis=(0, 2, 3)) < 0.55 * ground.mean(axis=(0, 2, 3))).all()


@pytest.mark.parametrize("size", [31, 48, 96])
def test_noise_has_unit_variance_and_neighbours_alike(size):
    noise = smooth_noise(40, size, 2.4, np.random.default_rng(8))
    assert noise.shape == (40, size, size)
    assert noise.dtype == np.float32
    assert np.mean(noise**2) == pytest.approx(1, abs=0.1)
    assert np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] > 0.9


def test_halving_takes_the_mean_of_each_block():
    images = np.arange(32, dtype=np.float32).reshape(2, 4, 4)
    np.testing.assert_allclose(halved(images), images.reshape(2, 2, 2, 2, 2).mean(axis=(2, 4)))
