"""Learners see what teaches and what was seen until then, and nothing is trained twice."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from agrispec_tf.protocols import judging, learners, trials
from agrispec_tf.protocols.dates import Known
from agrispec_tf.protocols.learners import Learner


def nothing(kept):
    return []


@dataclass
class Remembers:
    """A learner of the class means of the features; it remembers what taught it, and may fail after some trainings."""

    taught: list = field(default_factory=list)
    most: int = 10_000

    def learner(self, **settings):
        return Learner(name="means", settings=settings, fit=self.fit, pseudocount=0.0, differing=nothing)

    def fit(self, teaching, seed):
        if len(self.taught) == self.most:
            raise KeyboardInterrupt
        self.taught.append((set(teaching.ids), seed))
        means = np.stack([teaching.series.values[teaching.labels == label].mean(axis=0) for label in range(3)])
        return Nearest(means + seed * 1e-3)


@dataclass
class Nearest:
    means: np.ndarray

    def probabilities(self, series):
        apart = ((series.values[:, None] - self.means) ** 2).sum(axis=(2, 3))
        return -apart


@pytest.fixture
def fields(grown):
    parts = [grown(24, seed=1, place="W"), grown(24, seed=2, place="E")]
    first = parts[0]
    series = replace(first.series, values=np.concatenate([part.series.values for part in parts]),
                     counts=np.concatenate([part.series.counts for part in parts]))
    return replace(first, series=series, **{name: np.concatenate([getattr(part, name) for part in parts])
                                            for name in ("labels", "cells", "ids")})


def asked(fields, learner, folder, carried_out=None, seeds=(0, 1)):
    carried_out = carried_out or trials.spatial_cv(fields.labels, fields.cells)
    return judging.answers(carried_out, fields, ("wheat", "maize", "beet"), learner, seeds, folder, lambda said: None)


def test_answers_are_those_of_each_fold_by_itself(fields, tmp_path):
    memory = Remembers()
    found = asked(fields, memory.learner(), tmp_path)
    for trial, answer, taught in zip(trials.spatial_cv(fields.labels, fields.cells), found, memory.taught[::2],
                                     strict=True):
        assert taught[0] == set(fields.ids[trial.teaching])
        np.testing.assert_array_equal(answer.rows, trial.judged)
        expected = Remembers().fit(fields.take(trial.teaching), 1).probabilities(fields.series.take(trial.judged))
        np.testing.assert_array_equal(answer.predicted[1], expected.argmax(axis=1))


def test_trials_of_a_group_come_together_in_the_order_of_the_samples(fields, tmp_path):
    seasons = np.where(np.arange(48) % 2, 2022, 2023)
    carried_out = trials.leave_one_season_out(fields.labels, fields.cells, seasons)
    found = asked(fields, Remembers().learner(), tmp_path, carried_out)
    assert [answer.group for answer in found] == ["2022", "2023"]
    for answer in found:
        np.testing.assert_array_equal(answer.rows, np.flatnonzero(seasons == int(answer.group)))
        for trial in (trial for trial in carried_out if trial.group == answer.group):
            expected = Remembers().fit(fields.take(trial.teaching), 0).probabilities(fields.series.take(trial.judged))
            where = np.searchsorted(answer.rows, trial.judged)
            np.testing.assert_array_equal(answer.predicted[0, where], expected.argmax(axis=1))


def test_after_an_interruption_only_what_is_missing_is_trained(fields, tmp_path):
    interrupted = Remembers(most=4)
    with pytest.raises(KeyboardInterrupt):
        asked(fields, interrupted.learner(), tmp_path)
    going_on = Remembers()
    found = asked(fields, going_on.learner(), tmp_path)
    assert len(going_on.taught) == 10 - 4
    whole = asked(fields, Remembers().learner(), tmp_path / "anew")
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_array_equal(one.predicted, other.predicted)
    again = Remembers()
    asked(fields, again.learner(), tmp_path)
    assert again.taught == []


def test_other_settings_samples_or_labels_are_trained_anew(fields, tmp_path):
    asked(fields, Remembers().learner(rate=1), tmp_path)
    flipped = replace(fields, labels=(fields.labels + 1) % 3)
    brighter = replace(fields, series=replace(fields.series, values=fields.series.values + np.float32(1)))
    for samples, settings in ((fields, {"rate": 2}), (flipped, {"rate": 1}), (brighter, {"rate": 1})):
        memory = Remembers()
        asked(samples, memory.learner(**settings), tmp_path)
        assert len(memory.taught) == 10


def test_fewer_samples_that_teach_are_trained_anew_for_the_same_judged_ones(fields, tmp_path):
    first = trials.spatial_cv(fields.labels, fields.cells)[0]
    for teaching in (first.teaching, first.teaching[:-3]):
        memory = Remembers()
        asked(fields, memory.learner(), tmp_path, [replace(first, teaching=teaching)], seeds=(0,))
        assert len(memory.taught) == 1


def test_warmth_after_a_date_is_known_of_seasons_that_teach_alone(fields, tmp_path, warm):
    read = []

    class Reads(Nearest):
        def probabilities(self, series):
            read.append(series.heat)
            return super().probabilities(series)

    def fit(teaching, seed):
        assert np.isfinite(teaching.series.heat).all()
        assert (teaching.series.counts[:, 12:] == 0).all()
        return Reads(np.zeros((3, 23, 3)))

    carried_out = trials.in_season(fields.labels, fields.cells, [Known(stop=12, day=192, name="11 Jul")])
    reads = Learner(name="reads", settings={}, fit=fit, pseudocount=0.0, differing=nothing)
    asked(warm(fields), reads, tmp_path, carried_out, seeds=(0,))
    assert len(read) == 5
    assert all(np.isfinite(heat[:, :12]).all() and np.isnan(heat[:, 12:]).all() for heat in read)


@pytest.mark.parametrize("model", ["forest", "forest-harmonic"])
def test_whatever_comes_after_a_date_changes_nothing(fields, tmp_path, model):
    known = [Known(stop=12, day=192, name="11 Jul")]
    carried_out = trials.in_season(fields.labels, fields.cells, known)
    after = np.arange(23) >= 12
    other = replace(fields, series=replace(
        fields.series, values=np.where(after[:, None], np.float32(0.7), fields.series.values),
        counts=np.where(after, np.float32(2), fields.series.counts)))
    learner = learners.trees(model, ("wheat", "maize", "beet"), thermal=False)
    one, two = (asked(samples, learner, tmp_path / name, carried_out, seeds=(0,))
                for samples, name in ((fields, "one"), (other, "two")))
    np.testing.assert_array_equal(one[0].predicted, two[0].predicted)
    before = replace(fields, series=replace(fields.series, values=np.where(after[:, None], fields.series.values,
                                                                           np.float32(0.7))))
    [three] = asked(before, learner, tmp_path / "three", carried_out, seeds=(0,))
    assert not np.array_equal(one[0].predicted, three.predicted)
