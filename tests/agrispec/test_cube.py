"""The cube owns order, shape and meaning; its digest changes with each of them."""

from dataclasses import fields, replace

import pytest

from agrispec.bands import SENTINEL2, SENTINEL2_IDS
from agrispec.cube import ClearLook, CubeSpec, preset
from agrispec.errors import ConfigError
from agrispec.season import Window

CROPNET = preset("cropnet-5d")
WARM = replace(CROPNET, gdd_base=0.0)


def test_cropnet_exports_10_bands_by_73_steps_and_models_see_43():
    assert CROPNET.features == SENTINEL2_IDS
    assert CROPNET.shape == (73, 11)
    assert CROPNET.view().shape == (43, 11)
    assert CROPNET.window == Window(24, 67)


def test_agrispec_23_has_8_features_by_23_steps_of_16_days():
    cube = preset("agrispec-23")
    assert cube.shape == (23, 9)
    assert cube.window == cube.exported
    assert cube.view() == cube


def test_bands_are_in_order_of_wavelength():
    wavelengths = [band.wavelength_nm for band in SENTINEL2]
    assert wavelengths == sorted(wavelengths)


def test_patch_bands_run_step_by_step_with_the_count_last():
    names = CROPNET.view().patch_bands()
    assert len(names) == 43 * 11
    assert names[:12] == (*(f"24_{band}" for band in SENTINEL2_IDS), "24_count", "25_B2")
    assert names[-1] == "66_count"


def test_growing_degree_days_come_before_the_count_and_only_where_a_base_is_given():
    assert WARM.columns == (*SENTINEL2_IDS, "gdd", "count")
    assert WARM.shape == (73, 12)
    assert WARM.view().patch_bands()[10:13] == ("24_gdd", "24_count", "25_B2")
    assert "gdd_base" not in CROPNET.to_table()
    assert CROPNET.digest == "2b705448f33daec7"  # as it was before cubes could carry temperatures
    assert len({CROPNET.digest, WARM.digest, replace(WARM, gdd_base=8.0).digest}) == 3


def test_a_model_reads_cubes_of_its_features_with_or_without_growing_degree_days():
    CROPNET.check_read(WARM.view())
    WARM.check_read(CROPNET)


def test_a_view_is_a_view_of_its_cube_and_never_the_reverse():
    assert CROPNET.view().is_view_of(CROPNET)
    assert CROPNET.is_view_of(CROPNET)
    assert not CROPNET.is_view_of(CROPNET.view())


CHANGES = [{"features": SENTINEL2_IDS[::-1]}, {"step_days": 4}, {"exported": Window(0, 72)}, {"window": Window(25, 67)},
           {"clear": ClearLook(threshold=0.6)}, {"scale_m": 20.0}, {"collection": "COPERNICUS/S2_HARMONIZED"},
           {"fill": -1.0}, {"gdd_base": 0.0}]


def test_every_attribute_is_tried_below():
    assert {key for change in CHANGES for key in change} == {field.name for field in fields(CubeSpec)}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_any_other_meaning_has_another_digest(change):
    other = replace(CROPNET, **change)
    assert other.digest != CROPNET.digest
    assert other.is_view_of(CROPNET) == ("exported" in change)


@pytest.mark.parametrize("cube", [CROPNET, CROPNET.view(), WARM,
                                  preset("agrispec-23", clear=ClearLook(score="cs_cdf"))])
def test_tables_read_back(cube):
    again = CubeSpec.from_table(cube.to_table())
    assert again == cube
    assert again.digest == cube.digest


@pytest.mark.parametrize("make", [
    lambda: preset("cropnet-6d"), lambda: replace(CROPNET, features=("B2", "B99")),
    lambda: replace(CROPNET, features=("B2", "B2")), lambda: replace(CROPNET, features=()),
    lambda: replace(CROPNET, window=Window(60, 74)), lambda: replace(CROPNET, exported=Window(30, 60)),
    lambda: ClearLook(score="csp"), lambda: ClearLook(threshold=0), lambda: ClearLook(unmatched="keep"),
    lambda: ClearLook(max_cloud_cover=0), lambda: CubeSpec.from_table({"features": ["B2"]}),
    lambda: replace(CROPNET, scale_m=0), lambda: replace(CROPNET, gdd_base=40.0),
    lambda: replace(CROPNET, gdd_base=float("nan"))])
def test_impossible_cubes_are_refused_with_a_mend(make):
    with pytest.raises(ConfigError) as refused:
        make()
    assert refused.value.mend
