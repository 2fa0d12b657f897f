"""Rungs stand on each other, are made in order, and cannot be made of what is not known."""

from dataclasses import replace
from typing import get_type_hints

import numpy as np
import pytest

from agrispec.cube import preset
from agrispec.errors import ConfigError, DataError
from agrispec_tf import calibration, trust
from agrispec_tf.adaptation import choices, ladder
from agrispec_tf.adaptation.domains import Domains
from agrispec_tf.adaptation.ladder import Settings
from agrispec_tf.adaptation.rounds import Course
from agrispec_tf.data.samples import Series
from agrispec_tf.models.tempcnn import TempCNNOptions
from agrispec_tf.recipes import Recipe


@pytest.fixture(scope="module")
def domains(grown, source, class_names):
    return Domains(training=source[0], validation=source[1], class_names=class_names,
                   target=grown(90, seed=5, place="T", delay=-0.03).series, earlier=grown(90, seed=8, place="E"))


@pytest.fixture(scope="module")
def settings(small_cube):
    return Settings(options=TempCNNOptions.for_cube(small_cube, 3), course=Course(rounds=2, updates=2, batch=8),
                    recipe=Recipe(epochs=2, batch=32, learning_rate=1e-3, standardised=True))


@pytest.fixture(scope="module")
def climbed(settings, domains):
    return dict(ladder.climbed(settings, domains, ladder.rungs(domains), seed=0))


def test_every_rung_that_can_be_made_is_made_the_lowest_first(climbed, domains):
    assert tuple(climbed) == ("source", "augmentation", "seasons", "adabn", "grl", "cdan", "self-training", "prior")
    for classifier in climbed.values():
        found = classifier.probabilities(domains.target)
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_a_rung_brings_those_it_stands_on(domains):
    possible = ladder.rungs(domains)
    assert ladder.needed(["prior"], possible) == ("source", "augmentation", "seasons", "cdan", "self-training",
                                                  "prior")
    assert ladder.needed(["source"], possible) == ("source",)


def test_one_season_and_no_temperatures_leave_two_rungs_out(domains):
    alone = replace(domains, earlier=None)
    assert "seasons" not in ladder.rungs(alone)
    assert "thermal" not in ladder.rungs(alone)
    assert ladder.needed(["adabn"], ladder.rungs(alone)) == ("source", "augmentation", "adabn")
    with pytest.raises(ConfigError, match="one labelled season teaches"):
        ladder.needed(["seasons"], ladder.rungs(alone))
    with pytest.raises(ConfigError, match="growing degree days"):
        ladder.needed(["thermal"], ladder.rungs(alone))
    assert any("one labelled season" in doubt for doubt in alone.doubts())


def test_only_the_lowest_rung_is_not_augmented_and_earlier_seasons_teach_from_theirs_on(climbed):
    assert climbed["source"].training["recipe"]["augmentation"] is None
    assert climbed["augmentation"].training["recipe"]["augmentation"]
    assert climbed["augmentation"].training["training_samples"] == 180
    assert climbed["seasons"].training["training_samples"] == 270


def test_what_was_done_to_a_network_stands_in_its_training(climbed):
    assert list(climbed["prior"].training["adaptation"]) == ["cdan", "self-training", "prior"]
    assert sum(climbed["prior"].training["adaptation"]["prior"]["shares"].values()) == pytest.approx(1, abs=1e-3)


def test_each_validator_says_a_number_of_each_rung(climbed, domains):
    weights = ladder.importance(domains)
    assert weights.shape == (len(domains.validation),)
    for classifier in climbed.values():
        found = ladder.validated(classifier, domains, weights, 1.0)
        assert tuple(found) == choices.VALIDATORS
        assert np.isfinite(list(found.values())).all()


def test_what_was_adapted_is_compared_by_the_temperature_of_what_it_began_from(climbed, domains):
    heats = {}
    for rung, classifier in climbed.items():
        heats[rung] = ladder.temperature(rung, classifier, domains, heats)
    assert heats["adabn"] == heats["grl"] == heats["cdan"] == heats["self-training"] == heats["seasons"]
    assert heats["prior"] == 1
    known = climbed["seasons"].probabilities(domains.validation.series)
    assert heats["seasons"] == calibration.temperature(known, domains.validation.labels)


def test_the_class_mix_is_found_after_the_temperature_which_is_not_found_again(climbed, domains):
    below, prior = climbed["self-training"], climbed["prior"]
    heat = calibration.temperature(below.probabilities(domains.validation.series), domains.validation.labels)
    assert prior.training["temperature"] == heat
    kept = trust.calibrated(prior, domains.validation)
    assert kept.training["calibration"]["temperature"] == heat
    np.testing.assert_array_equal(kept.probabilities(domains.target), prior.probabilities(domains.target))
    learnt = np.array(below.training["adaptation"]["self-training"]["learnt_shares"])
    shares = np.array(list(prior.training["adaptation"]["prior"]["shares"].values()))
    expected = calibration.tempered(below.probabilities(domains.target), heat) * (shares / learnt)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(prior.probabilities(domains.target), expected, atol=2e-3)


def test_a_target_without_series_is_refused(domains):
    with pytest.raises(DataError, match="0 unlabelled series"):
        replace(domains, target=domains.target.take(np.zeros(90, bool)))


def test_no_label_of_the_target_fits_in():
    assert get_type_hints(Domains)["target"] is Series
    assert set(Series.__dataclass_fields__) == {"cube", "values", "counts", "heat"}


def test_a_clear_look_of_the_target_that_is_no_number_is_refused(domains):
    broken = replace(domains.target, values=domains.target.values.copy())
    step = int(np.flatnonzero(broken.counts[2] > 0)[0])
    broken.values[2, step, 1] = np.inf
    with pytest.raises(DataError, match=rf"1 of 90 series have .* B8 of step {step} in series 2: inf"):
        replace(domains, target=broken)


def test_a_target_that_was_never_seen_is_refused(domains):
    with pytest.raises(DataError, match="clearly seen"):
        replace(domains, target=replace(domains.target, counts=np.zeros_like(domains.target.counts)))


def test_a_source_without_validation_or_without_a_class_is_refused(domains):
    with pytest.raises(DataError, match="held out"):
        replace(domains, validation=domains.validation.take(np.zeros(60, bool)))
    with pytest.raises(DataError, match="of class beet"):
        replace(domains, training=domains.training.take(domains.training.labels != 2))


def test_a_target_season_that_ends_early_is_said_in_words(domains):
    counts = domains.target.counts.copy()
    counts[:, 15:] = 0
    doubts = list(replace(domains, target=replace(domains.target, counts=counts)).doubts())
    assert any("last seen at step 14" in doubt for doubt in doubts)


def hidden(series, steps):
    """`series` never seen in some steps of the model's window."""
    counts = series.counts.copy()
    counts[:, series.cube.window.start + np.array(steps)] = 0
    return replace(series, counts=counts)


def test_steps_outside_of_what_both_sides_were_seen_in_make_a_rung_that_is_shown_none_of_them(domains, settings):
    steps = domains.target.cube.window.steps
    assert domains.common is None
    assert "common" not in ladder.rungs(domains)
    late = replace(domains.training, series=hidden(domains.training.series, range(5)))
    uneven = replace(domains, training=late, target=hidden(domains.target, range(steps - 4, steps)))
    assert uneven.common == (5, steps - 4)
    made = dict(ladder.climbed(settings, uneven, ["adabn", "common"], seed=0))
    assert tuple(made) == ("source", "augmentation", "seasons", "common", "adabn")
    assert made["common"].preparation.shown == uneven.common
    assert made["seasons"].preparation.shown is made["adabn"].preparation.shown is None
    assert made["common"].training["training_samples"] == made["seasons"].training["training_samples"]


def test_a_season_that_taught_before_has_its_part_in_what_is_common(domains):
    short = replace(domains.earlier, series=hidden(domains.earlier.series, range(3)))
    assert replace(domains, earlier=short).common == (3, domains.target.cube.window.steps)


def test_single_cloudy_steps_and_a_few_fields_in_cloud_leave_the_window_whole(domains):
    few = domains.target.counts.copy()
    few[:len(few) // 3, :9] = 0
    assert replace(domains, target=replace(domains.target, counts=few)).common is None
    assert replace(domains, target=hidden(domains.target, [3, 9])).common is None


@pytest.mark.parametrize(("source_until", "target_from", "common"), [
    (73, 31, (31, 67)), (40, 24, (24, 40)), (73, 30, None), (30, 30, None), (20, 40, None), (34, 30, None),
    (36, 30, (30, 36))])
def test_nothing_that_one_side_never_saw_is_in_common(grown, class_names, source_until, target_from, common):
    cube = preset("cropnet-5d")  # whose window is steps 24 to 66
    source, validation, target = (grown(30, seed=seed, place=place, cube=cube) for seed, place in
                                  enumerate(("E", "V", "T")))
    steps = np.arange(73)
    sides = [replace(one.series, counts=np.broadcast_to(np.where(seen, np.float32(1), np.float32(0)), (30, 73)))
             for one, seen in ((source, steps < source_until), (target, steps >= target_from))]
    found = Domains(training=replace(source, series=sides[0]), validation=validation, target=sides[1],
                    class_names=class_names).common
    assert found == (common and (common[0] - 24, common[1] - 24))


def test_the_temperature_of_what_was_adapted_is_that_of_the_rung_that_it_stands_on(climbed, domains):
    known = {"seasons": 2.0, "common": 5.0}
    assert ladder.temperature("adabn", climbed["adabn"], domains, known) == 2
