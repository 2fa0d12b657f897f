from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import preset
from agrispec.indices import FORMULAS


def test_the_preset_of_23_steps_has_the_eight_features_of_the_table():
    assert len(FORMULAS) == 8
    assert preset("agrispec-23").features == tuple(FORMULAS)


def test_every_formula_reads_known_bands_once_and_names_its_source():
    for name, formula in FORMULAS.items():
        assert formula.name == name
        assert formula.source.startswith("https://")
        assert formula.bands <= set(SENTINEL2_IDS)
        for form in (formula.numerator, formula.denominator):
            assert len({band for band, _ in form.terms}) == len(form.terms)


def test_coefficients_fitted_to_another_level_than_surface_reflectance_say_so():
    assert {name for name, formula in FORMULAS.items() if formula.level.startswith("L1C")} == {
        "wetness", "greenness", "brightness"}


def test_tasselled_cap_axes_are_orthonormal():
    axes = [dict(FORMULAS[name].numerator.terms) for name in ("brightness", "greenness", "wetness")]
    for i, first in enumerate(axes):
        for j, second in enumerate(axes):
            product = sum(first[band] * second[band] for band in first)
            assert abs(product - (i == j)) < 2e-3
