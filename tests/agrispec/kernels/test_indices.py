import numpy as np
import pytest

from agrispec.bands import SENTINEL2_IDS
from agrispec.errors import DataError
from agrispec.indices import FORMULAS
from agrispec.kernels.indices import compute


def by_hand(r):
    """The eight features as their papers print them."""
    return {
        "NDVI": (r["B8"] - r["B4"]) / (r["B8"] + r["B4"]),
        "EVI": 2.5 * (r["B8"] - r["B4"]) / (r["B8"] + 6 * r["B4"] - 7.5 * r["B2"] + 1),
        "NDWI": (r["B8A"] - r["B11"]) / (r["B8A"] + r["B11"]),
        "GCVI": r["B8"] / r["B3"] - 1,
        "LAI": (r["B8A"] - r["B5"]) / (r["B8A"] + r["B5"]),
        "wetness": (0.2578 * r["B2"] + 0.2305 * r["B3"] + 0.0883 * r["B4"] + 0.1071 * r["B8"] - 0.7611 * r["B11"]
                    - 0.5308 * r["B12"]),
        "greenness": (-0.3599 * r["B2"] - 0.3533 * r["B3"] - 0.4734 * r["B4"] + 0.6633 * r["B8"]
                      + 0.0087 * r["B11"] - 0.2856 * r["B12"]),
        "brightness": (0.3510 * r["B2"] + 0.3813 * r["B3"] + 0.3437 * r["B4"] + 0.7196 * r["B8"]
                       + 0.2396 * r["B11"] + 0.1949 * r["B12"]),
    }


def test_every_feature_equals_the_formula_of_its_paper():
    reflectance = np.random.default_rng(0).uniform(0.01, 0.6, (5, 7, 10)).astype(np.float32)
    expected = by_hand({band: reflectance[..., i].astype(float) for i, band in enumerate(SENTINEL2_IDS)})
    got = compute(reflectance, SENTINEL2_IDS, tuple(FORMULAS))
    assert got.shape == (5, 7, 8)
    assert got.dtype == np.float32
    assert list(expected) == list(FORMULAS)
    for i, name in enumerate(FORMULAS):
        np.testing.assert_allclose(got[..., i], expected[name], rtol=1e-6, atol=1e-7)


def test_a_zero_denominator_gives_zero():
    dark = np.zeros((1, 10), np.float32)
    np.testing.assert_array_equal(compute(dark, SENTINEL2_IDS, tuple(FORMULAS)), np.zeros((1, 8)))
    # The denominator of EVI crosses zero over bright blue: 0 + 0 - 7.5 · 2/15 + 1 = 0.
    blue = np.zeros((1, 10))
    blue[0, 0], blue[0, 6] = 2.25 / 7.5, 1.25
    assert compute(blue, SENTINEL2_IDS, ("EVI",))[0, 0] == 0


def test_features_come_in_the_order_asked_whatever_the_order_of_the_bands():
    reflectance = np.random.default_rng(1).uniform(0.01, 0.6, (4, 10))
    names = ("brightness", "NDVI")
    got = compute(reflectance[:, ::-1], SENTINEL2_IDS[::-1], names)
    np.testing.assert_array_equal(got, compute(reflectance, SENTINEL2_IDS, names))


def test_a_band_that_is_not_there_is_named():
    with pytest.raises(DataError, match="NDWI reads the bands B11"):
        compute(np.zeros((1, 1)), ("B8A",), ("NDWI",))
