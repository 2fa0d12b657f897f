import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_bvp

from scenes.canopy import CanopyTable, canopy, leaf, soil

B2, B3, B4, B5, B6, B7, B8, B8A, B11, B12 = range(10)


def one(value: float) -> np.ndarray:
    return np.array([value])


def reflectance(lai: float, *, chlorophyll: float = 45, water: float = 0.014, brown: float = 0,
                brightness: float = 1, wetness: float = 0.3, zenith: float = 40) -> np.ndarray:
    return canopy(one(lai), *leaf(one(chlorophyll), one(water), one(brown)), soil(one(brightness), one(wetness)),
                  one(zenith))[0]


def ndvi(spectrum: np.ndarray) -> float:
    return float((spectrum[B8] - spectrum[B4]) / (spectrum[B8] + spectrum[B4]))


@given(brightness=st.floats(0.4, 1.4), wetness=st.floats(0, 1), zenith=st.floats(20, 75))
@settings(max_examples=20)
def test_without_leaves_the_canopy_is_its_soil(brightness, wetness, zenith):
    bare = reflectance(0, brightness=brightness, wetness=wetness, zenith=zenith)
    np.testing.assert_allclose(bare, soil(one(brightness), one(wetness))[0], rtol=1e-9)
    assert 0.1 <= ndvi(bare) <= 0.25


@given(brightness=st.floats(0.4, 1.4), zenith=st.floats(20, 60), chlorophyll=st.floats(30, 55))
@settings(max_examples=20)
def test_a_full_canopy_hides_its_soil_and_has_the_ndvi_of_a_crop(brightness, zenith, chlorophyll):
    full = reflectance(5, brightness=brightness, zenith=zenith, chlorophyll=chlorophyll)
    assert 0.80 <= ndvi(full) <= 0.94
    deep = reflectance(14, brightness=brightness, zenith=zenith)
    np.testing.assert_allclose(deep, reflectance(14, brightness=0.5, zenith=zenith), atol=2e-3)


@given(lai=st.floats(0.5, 8), chlorophyll=st.floats(15, 65), brown=st.floats(0, 0.5))
@settings(max_examples=20)
def test_the_red_edge_rises_from_red_to_infrared(lai, chlorophyll, brown):
    spectrum = reflectance(lai, chlorophyll=chlorophyll, brown=brown)
    assert (np.diff(spectrum[[B4, B5, B6, B7, B8]]) > 0).all()


def test_leaf_water_darkens_the_shortwave_infrared_and_nothing_visible():
    dry, wet = reflectance(4, water=0.006), reflectance(4, water=0.03)
    assert (wet[[B11, B12]] < 0.8 * dry[[B11, B12]]).all()
    np.testing.assert_allclose(wet[[B2, B3, B4]], dry[[B2, B3, B4]], rtol=0.01)


def test_chlorophyll_darkens_the_visible_and_the_red_edge_and_nothing_infrared():
    pale, green = reflectance(4, chlorophyll=20), reflectance(4, chlorophyll=60)
    assert (green[[B3, B5]] < 0.8 * pale[[B3, B5]]).all()
    np.testing.assert_allclose(green[[B8, B8A, B11, B12]], pale[[B8, B8A, B11, B12]], rtol=1e-9)


@given(lai=st.floats(0.05, 9), zenith=st.floats(20, 75), brown=st.floats(0, 1), brightness=st.floats(0.4, 1.4))
@settings(max_examples=30)
def test_reflectance_lies_between_nothing_and_everything(lai, zenith, brown, brightness):
    spectrum = reflectance(lai, zenith=zenith, brown=brown, brightness=brightness)
    assert (spectrum > 0).all()
    assert (spectrum < 1).all()


@pytest.mark.parametrize(("rho", "tau", "ground", "lai", "zenith"), [
    (0.45, 0.5, 0.24, 3.0, 30.0), (0.06, 0.01, 0.18, 1.0, 55.0), (0.3, 0.3, 0.3, 5.0, 40.0),
    (0.28699, 0.28699, 0.2, 2.0, 40.0)])  # the last is dimmed alike for sun and diffuse light
def test_the_closed_form_solves_the_four_stream_equations(rho, tau, ground, lai, zenith):
    """The equations of Verhoef (1984) integrated by SciPy's boundary value solver."""
    mu, bf = np.cos(np.radians(zenith)), 1 / 3
    ks, ko = 0.5 / mu, 0.5
    back, forward = ((1 + bf) * rho + (1 - bf) * tau) / 2, ((1 - bf) * rho + (1 + bf) * tau) / 2
    sun_up, sun_down = ((ks + bf) * rho + (ks - bf) * tau) / 2, ((ks - bf) * rho + (ks + bf) * tau) / 2
    seen_down, seen_up = ((ko + bf) * rho + (ko - bf) * tau) / 2, ((ko - bf) * rho + (ko + bf) * tau) / 2
    angle = np.pi - np.radians(zenith)
    single = ((rho + tau) * (np.sin(angle) - angle * np.cos(angle)) / (3 * np.pi) + tau * np.cos(angle) / 3) / mu

    def slopes(depth, flux):
        down, up, seen = flux
        direct = np.exp(-ks * depth)
        return np.stack([-(1 - forward) * down + back * up + sun_down * direct,
                         (1 - forward) * up - back * down - sun_up * direct,
                         ko * seen - single * direct - seen_down * down - seen_up * up])

    def edges(top, bottom):
        returned = ground * (bottom[0] + np.exp(-ks * lai))
        return np.array([top[0], bottom[1] - returned, bottom[2] - returned])

    depth = np.linspace(0, lai, 60)
    solved = solve_bvp(slopes, edges, depth, np.zeros((3, 60)), tol=1e-8)
    found = canopy(one(lai), one(rho)[None], one(tau)[None], one(ground)[None], one(zenith))
    np.testing.assert_allclose(found[0, 0], solved.sol(0)[2], rtol=2e-4)


def test_the_table_agrees_with_the_model_between_its_nodes():
    table, random = CanopyTable.computed(), np.random.default_rng(1)
    zenith, wetness = random.uniform(25, 75, 20), random.uniform(0, 1, 20)
    lai, chlorophyll = random.uniform(0, 8, (20, 30)), random.uniform(15, 65, (20, 30))
    brown, water = random.uniform(0, 1, (20, 30)), random.uniform(0.008, 0.025, (20, 30))
    found = table.at(zenith=zenith, wetness=wetness, lai=lai, chlorophyll=chlorophyll, brown=brown, water=water)
    for side, brightness in enumerate(CanopyTable.BRIGHTNESS):
        ground = soil(np.full((20, 30), brightness), np.broadcast_to(wetness[:, None], (20, 30)))
        exact = canopy(lai, *leaf(chlorophyll, water, brown), ground, np.broadcast_to(zenith[:, None], (20, 30)))
        assert np.abs(found[:, :, side] - exact).max() < 0.03
        assert np.abs(found[:, :, side] - exact).mean() < 0.004


def test_reflectance_is_nearly_linear_in_the_brightness_of_the_soil():
    ends = [reflectance(1.0, brightness=b) for b in CanopyTable.BRIGHTNESS]
    middle = reflectance(1.0, brightness=float(CanopyTable.BRIGHTNESS.mean()))
    np.testing.assert_allclose(middle, np.mean(ends, axis=0), rtol=0.01)


def test_reflectance_is_continuous_where_sun_and_diffuse_light_are_dimmed_alike():
    """With reflectance = transmittance = s the extinctions are equal at cos(zenith) = 0.5 / sqrt(1 - 2 s)."""
    share = one(0.28)
    pole = np.degrees(np.arccos(0.5 / np.sqrt(1 - 2 * share[0])))
    offsets = np.concatenate([[-1e-3, 1e-3], np.linspace(-1, 1, 41) * 1e-12])
    around = [canopy(one(3), share[None], share[None], one(0.2)[None], one(pole + offset))[0, 0] for offset in offsets]
    np.testing.assert_allclose(around, around[0], rtol=1e-3)
