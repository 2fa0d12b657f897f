"""Estimates equal the published examples and a linearisation unit by unit, and do what random draws promise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agrispec_tf.area.estimation import assess
from agrispec_tf.area.reference_sample import ReferenceSample
from agrispec_tf.area.strata import Strata

KINDS = ("area", "overall", "users", "producers", "matrix")


def stratified_by_map(counts, areas, units=None, names=None):
    """A sample whose strata are the map's classes, from its error matrix (C, C) of counts, rows the map."""
    counts = np.asarray(counts)
    size = len(counts)
    by_stratum = np.zeros((size, size, size), int)
    by_stratum[np.arange(size), np.arange(size)] = counts
    names = names or tuple(range(size))
    return ReferenceSample(strata=Strata(names=names, areas=np.asarray(areas, float), units=units), classes=names,
                           counts=by_stratum)


# Olofsson et al. 2014, table 8: deforestation, forest gain, stable forest, stable non-forest; 30 m pixels. What is
# printed there is from a transcription with pages, in the tests of an R package that wraps `mapaccuracy` (drift).
OLOFSSON = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
PIXELS = np.array([200_000.0, 150_000, 3_200_000, 6_450_000])
PIXEL_HA = 0.09


@pytest.fixture
def olofsson():
    """Areas alone: the paper has no finite population correction."""
    return assess(stratified_by_map(OLOFSSON, PIXELS * PIXEL_HA))


def test_areas_are_those_that_olofsson_et_al_2014_print(olofsson):
    # Section 5.2.2, hectares.
    assert olofsson.area.value.round().tolist() == [21158, 11686, 285770, 581386]
    assert (1.96 * olofsson.area.standard_error).round().tolist() == [6158, 3756, 15510, 16282]


def test_the_error_matrix_is_that_of_olofsson_et_al_2014(olofsson):
    # Table 9.
    printed = [[0.0176, 0, 0.0013, 0.0011], [0, 0.0110, 0.0016, 0.0024], [0.0019, 0, 0.2967, 0.0213],
               [0.0040, 0.0020, 0.0179, 0.6212]]
    np.testing.assert_array_equal(olofsson.matrix.value.round(4), printed)


def test_accuracies_are_those_that_olofsson_et_al_2014_print(olofsson):
    # Section 5.2.1.
    half = {kind: (1.96 * getattr(olofsson, kind).standard_error).round(2) for kind in KINDS}
    assert (olofsson.overall.value.round(2), half["overall"]) == (0.95, 0.02)
    assert olofsson.users.value.round(2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert half["users"].tolist() == [0.07, 0.10, 0.04, 0.02]
    assert olofsson.producers.value.round(2).tolist() == [0.75, 0.85, 0.93, 0.96]
    # Printed are 0.21, 0.23, 0.03 and 0.01: the second and the last are not what the paper's equation 7 gives.
    assert half["producers"].tolist() == [0.21, 0.25, 0.03, 0.02]


# Stehman 2014, table 2: 10 units of each of four strata that are not the map's classes.
STEHMAN = pd.DataFrame({"stratum": np.repeat([1, 2, 3, 4], 10),
                        "map": list("AAAAAAABBBABBBBBBBBBBBCCCCCCBBDDDDDDDDDD"),
                        "reference": list("AAAAACBABCABBBBBAABBCCCCCDDBBADDDDDDDCCB")})
STEHMAN_UNITS = np.array([40_000.0, 30_000, 20_000, 10_000])


def stehman(units):
    return assess(ReferenceSample.of(STEHMAN, Strata(names=(1, 2, 3, 4), areas=STEHMAN_UNITS, units=units)))


def test_estimates_are_those_that_stehman_2014_prints():
    found = stehman(STEHMAN_UNITS)
    area = found.area.times(1 / STEHMAN_UNITS.sum())
    b = found.classes.index("B")
    # Pages 4932 to 4936, as a notebook of PyMapAccuracy transcribes them.
    assert (area.value[0].round(2), area.standard_error[0].round(3)) == (0.35, 0.082)
    assert (area.value[2].round(2), area.standard_error[2].round(3)) == (0.20, 0.064)
    assert (found.overall.value.round(2), found.overall.standard_error.round(3)) == (0.63, 0.085)
    assert (found.users.value[b].round(3), found.users.standard_error[b].round(3)) == (0.574, 0.125)
    # Its standard error is left out: the transcription has 0.114, and the same data give 0.117 by three programs.
    assert found.producers.value[b].round(3) == 0.794
    assert found.matrix.value[1, 2].round(2) == 0.08


def test_stehmans_example_is_as_the_r_package_mapaccuracy_has_it():
    # 0.1.2 on CRAN, with the finite population correction; its figures stand in the tests of PyMapAccuracy.
    found = stehman(STEHMAN_UNITS)
    errors = found.area.times(1 / STEHMAN_UNITS.sum()).standard_error
    np.testing.assert_allclose(
        [errors[0], errors[2], found.overall.standard_error, found.users.standard_error[1],
         found.producers.standard_error[1]], [0.0822478, 0.06427977, 0.08464219, 0.1247822, 0.1165479], rtol=1e-6)


def test_stehmans_example_without_correction_is_as_enmap_box_has_it():
    # Of its test of stratified accuracy assessment, all classes.
    found = stehman(None)
    area = found.area.times(1 / STEHMAN_UNITS.sum())
    np.testing.assert_allclose(area.value, [0.35, 0.34, 0.20, 0.11])
    np.testing.assert_allclose(area.standard_error, [0.08225975, 0.07586538, 0.06429101, 0.03073181], rtol=1e-6)
    np.testing.assert_allclose(found.overall.standard_error, 0.08465617, rtol=1e-6)
    np.testing.assert_allclose(found.users.value, [0.7419355, 0.5744681, 0.5, 0.7], rtol=1e-6)
    np.testing.assert_allclose(found.users.standard_error, [0.1645627, 0.1248023, 0.2151657, 0.1527525], rtol=1e-6)
    np.testing.assert_allclose(found.producers.value, [0.6571429, 0.7941176, 0.3, 0.6363636], rtol=1e-6)
    np.testing.assert_allclose(found.producers.standard_error, [0.1477318, 0.1165671, 0.1504438, 0.1623242], rtol=1e-6)
    np.testing.assert_allclose(found.matrix.value, [[0.23, 0.04, 0.04, 0], [0.12, 0.27, 0.08, 0], [0, 0.02, 0.06, 0.04],
                                                    [0, 0.01, 0.02, 0.07]], atol=1e-12)


@given(seed=st.integers(0, 10**6), size=st.integers(2, 6))
def test_where_strata_are_map_classes_estimates_are_by_the_equations_of_olofsson_et_al_2014(seed, size):
    generator = np.random.default_rng(seed)
    n = generator.integers(0, 30, (size, size)) + 2 * np.eye(size, dtype=int)
    areas = generator.uniform(1, 100, size)
    weights, totals = areas / areas.sum(), n.sum(axis=1)
    found = assess(stratified_by_map(n, areas))
    p = np.array([[weights[i] * n[i, j] / totals[i] for j in range(size)] for i in range(size)])  # eq. 4
    users, producers = np.diag(p) / p.sum(axis=1), np.diag(p) / p.sum(axis=0)
    spread = users * (1 - users) / (totals - 1)
    close = {"rtol": 1e-7, "atol": 1e-9}
    np.testing.assert_allclose(found.matrix.value, p, **close)
    np.testing.assert_allclose(found.overall.standard_error, np.sqrt((weights**2 * spread).sum()), **close)  # eq. 5
    np.testing.assert_allclose(found.users.standard_error, np.sqrt(spread), **close)  # eq. 6
    for j in range(size):
        others = [i for i in range(size) if i != j]
        share = n[:, j] / totals
        within = areas**2 * share * (1 - share) / (totals - 1)
        reference = (areas * share).sum()
        variance = ((areas[j] * (1 - producers[j])) ** 2 * spread[j] + producers[j] ** 2 * within[others].sum()
                    ) / reference**2  # eq. 7
        np.testing.assert_allclose(found.producers.value[j], producers[j], **close)
        np.testing.assert_allclose(found.producers.standard_error[j] ** 2, variance, **close)
        np.testing.assert_allclose(found.area.value[j], reference, **close)
        np.testing.assert_allclose(found.area.standard_error[j], np.sqrt(within.sum()), **close)  # eqs. 10 and 11


@st.composite
def surveys(draw):
    """A table of sampled units and its strata, which are unlike the map's classes."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    strata, classes = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    sampled = generator.integers(2, 25, strata)
    units = sampled + generator.integers(0, 60, strata)
    rows = int(sampled.sum())
    mapped = generator.integers(0, classes, rows)
    reference = np.where(generator.random(rows) < 0.6, mapped, generator.integers(0, classes, rows))
    table = pd.DataFrame({"stratum": np.repeat(np.arange(strata), sampled), "map": mapped, "reference": reference})
    return table, Strata(names=tuple(range(strata)), areas=units * 0.25, units=units.astype(float))


@given(survey=surveys())
def test_estimates_equal_a_linearisation_unit_by_unit(survey):
    table, strata = survey
    found = assess(ReferenceSample.of(table, strata))
    stratum = table["stratum"].to_numpy()
    sampled = np.bincount(stratum)
    weight = (strata.units / sampled)[stratum]

    def ratio(y, x):
        """Särndal et al. 1992, section 5.7: Horvitz-Thompson totals, and the variance of their linearised ratio."""
        share = (weight * y).sum() / (weight * x).sum()
        residual = (y - share * x) / (weight * x).sum()
        variance = sum(strata.units[h] ** 2 * (1 - sampled[h] / strata.units[h]) * residual[stratum == h].var(ddof=1)
                       / sampled[h] for h in range(len(sampled)))
        return share, np.sqrt(variance)

    def close(estimates, place, expected):
        np.testing.assert_allclose(estimates.value[place], expected[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(estimates.standard_error[place], expected[1], rtol=1e-7, atol=1e-8)

    mapped, reference = table["map"].to_numpy(), table["reference"].to_numpy()
    right, one = mapped == reference, np.ones(len(table))
    area = found.area.times(1 / strata.areas.sum())
    close(found.overall, (), ratio(right, one))
    for i, name in enumerate(found.classes):
        close(area, i, ratio(reference == name, one))
        for j, other in enumerate(found.classes):
            close(found.matrix, (i, j), ratio((mapped == name) & (reference == other), one))
        for estimates, whole in ((found.users, mapped == name), (found.producers, reference == name)):
            if whole.any():
                close(estimates, i, ratio(right & whole, whole))
            else:
                assert np.isnan([estimates.value[i], estimates.standard_error[i], estimates.low[i]]).all()
                assert not estimates.agree[i]


@given(survey=surveys())
def test_areas_sum_to_the_whole_and_the_matrix_to_its_margins(survey):
    table, strata = survey
    found = assess(ReferenceSample.of(table, strata))
    np.testing.assert_allclose(found.area.value.sum(), strata.areas.sum())
    np.testing.assert_allclose(found.matrix.value.sum(axis=0) * strata.areas.sum(), found.area.value)
    np.testing.assert_allclose(np.trace(found.matrix.value), found.overall.value)


@given(survey=surveys(), seed=st.integers(0, 99))
def test_the_order_of_units_and_of_strata_does_not_matter(survey, seed):
    table, strata = survey
    generator = np.random.default_rng(seed)
    turned = generator.permutation(len(strata.names))
    other = Strata(names=tuple(strata.names[h] for h in turned), areas=strata.areas[turned], units=strata.units[turned])
    one = assess(ReferenceSample.of(table, strata))
    shuffled = assess(ReferenceSample.of(table.sample(frac=1, random_state=seed), other))
    pd.testing.assert_frame_equal(one.table, shuffled.table)


@given(survey=surveys())
def test_an_interval_has_no_width_only_where_every_unit_was_looked_up(survey):
    table, strata = survey
    sample = ReferenceSample.of(table, strata)
    found = assess(sample)
    for kind in KINDS:
        estimates = getattr(found, kind)
        known = ~np.isnan(estimates.value)
        pointlike = (estimates.high == estimates.low)[known]
        # The class of every unit that a ratio's denominator is of may be known though not all strata's are.
        assert not pointlike.any() or sample.complete.any()
        assert (estimates.low <= estimates.value)[known].all()
        assert (estimates.value <= estimates.high)[known].all()


def test_a_census_has_no_error():
    table = STEHMAN.iloc[:20]
    found = assess(ReferenceSample.of(table, Strata(names=(1, 2), areas=np.full(2, 5.0), units=np.full(2, 10.0))))
    np.testing.assert_array_equal(found.area.low, found.area.high)
    np.testing.assert_allclose(found.area.value, found.area.low)
    assert found.overall.standard_error == 0


def test_a_stratum_that_was_looked_up_altogether_does_not_make_the_others_sure():
    counts = np.array([[[6, 4], [0, 0]], [[0, 0], [0, 20]]])
    strata = Strata(names=(0, 1), areas=np.array([10.0, 990]), units=np.array([10.0, 990]))
    found = assess(ReferenceSample(strata=strata, classes=(0, 1), counts=counts))
    # The only error that was seen is in the stratum of which everything was.
    assert found.overall.standard_error == 0
    assert found.overall.agree
    np.testing.assert_allclose(found.overall.low, 0.996 - 3.688879 * 0.99 / 20, rtol=1e-6)
    assert found.users.low[0] == found.users.high[0] == 0.6


def test_a_sample_without_an_error_does_not_prove_that_there_is_none():
    # One stratum a class, n units each, all right: the rule of three, 3.7 / n for a two-sided interval.
    found = assess(stratified_by_map(np.diag([50, 100]), [1.0, 3.0]))
    assert found.users.agree.all()
    assert found.users.standard_error.tolist() == [0, 0]
    np.testing.assert_allclose(found.users.low, 1 - 3.688879 / np.array([50, 100]), rtol=1e-6)
    assert found.users.high.tolist() == [1, 1]
    assert np.isnan(found.users.coefficient_of_variation).all()
    # Errors may hide in the large stratum: 3.7 of its units stand for 3.7 x 0.75 / 100 of the area.
    np.testing.assert_allclose(found.overall.low, 1 - 3.688879 * 0.0075, rtol=1e-6)
    # Of the rare class as much may be overlooked there, which is a ninth of it.
    np.testing.assert_allclose(found.producers.low[0], 1 - 3.688879 * 0.0075 / 0.25, rtol=1e-6)


def draws(population, sampled, count, seed):
    """Counts (count, H, C, C) of samples without replacement of a population (H, C, C)."""
    generator = np.random.default_rng(seed)
    return np.stack([generator.multivariate_hypergeometric(part.ravel(), n, count).reshape(count, *part.shape)
                     for part, n in zip(population, sampled, strict=True)], axis=1)


def truths(population):
    """True shares of the area and accuracies of a population of counts (H, C, C)."""
    cells = population.sum(axis=0)
    right = np.diag(cells)
    return {"area": cells.sum(axis=0), "overall": right.sum() / cells.sum(), "users": right / cells.sum(axis=1),
            "producers": right / cells.sum(axis=0)}


# Three strata unlike the map's classes, the second small and mixed.
POPULATION = np.array([[[5200, 300, 100], [200, 900, 50], [50, 40, 160]],
                       [[300, 80, 20], [60, 400, 40], [20, 30, 250]],
                       [[200, 60, 40], [100, 1500, 100], [60, 120, 620]]])
SAMPLED = (480, 160, 300)


def test_estimates_are_unbiased_and_intervals_hold_the_truth_over_random_draws():
    strata = Strata(names=(0, 1, 2), areas=POPULATION.sum(axis=(1, 2)).astype(float),
                    units=POPULATION.sum(axis=(1, 2)).astype(float))
    repeats = 2000
    assessed = [assess(ReferenceSample(strata=strata, classes=(0, 1, 2), counts=counts))
                for counts in draws(POPULATION, SAMPLED, repeats, seed=1)]
    for kind, truth in truths(POPULATION).items():
        values, errors, low, high = (np.stack([getattr(getattr(one, kind), name) for one in assessed])
                                     for name in ("value", "standard_error", "low", "high"))
        spread = values.std(axis=0, ddof=1)
        # Ratios have a bias of the order of 1 / n, which 940 units make small beside the standard error.
        allowance = 4 * spread / np.sqrt(repeats) + (0 if kind in ("area", "overall") else 0.05 * spread)
        assert (np.abs(values.mean(axis=0) - truth) < allowance).all(), kind
        np.testing.assert_allclose((errors**2).mean(axis=0), spread**2, rtol=0.12, err_msg=kind)
        covered = ((low <= truth) & (truth <= high)).mean(axis=0)
        assert (covered > 0.93).all(), (kind, covered)
        assert (covered < 0.97).all(), (kind, covered)


def test_intervals_of_samples_without_an_error_hold_the_truth_as_often_as_they_say():
    # A hundredth is wrong, and nobody sees it in half the samples: by the formulas these intervals had no width.
    population = np.array([[[5940, 60], [0, 0]], [[0, 0], [5, 495]]])
    strata = Strata(names=(0, 1), areas=np.array([6000.0, 500]), units=np.array([6000.0, 500]))
    truth = truths(population)
    clean = [one for one in (assess(ReferenceSample(strata=strata, classes=(0, 1), counts=counts))
                             for counts in draws(population, (40, 40), 1500, seed=2)) if one.overall.agree]
    assert len(clean) > 500
    for kind in ("overall", "users", "area", "producers"):
        low, high = (np.stack([getattr(getattr(one, kind), name) for one in clean]) for name in ("low", "high"))
        assert ((low <= truth[kind]) & (truth[kind] <= high)).all(), kind


def test_the_table_has_a_row_for_each_estimate():
    table = stehman(STEHMAN_UNITS).table.set_index(["measure", "class"])
    assert len(table) == 1 + 3 * 4
    assert table.loc[("user's accuracy", "B"), "estimate"].round(3) == 0.574
    assert table.loc[("area", "A"), "cv"].round(3) == 0.235
    assert table.loc[("overall accuracy", ""), "low"].round(2) == 0.46
