"""What a model's probabilities are worth is found on cells that did not teach, and is told as it is."""

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from matplotlib import image

from agrispec.errors import StorageError
from agrispec_tf import calibration, conformal, trust
from agrispec_tf.calibration import Reliability
from agrispec_tf.trust import Trust

NAMES = ("wheat", "maize", "beet")


@dataclass(frozen=True)
class Given:
    """A model that says of every series of B4 what one of its own table of logits says, divided by its temperature."""

    logits: np.ndarray
    temperature: float = 1.0
    training: dict = field(default_factory=dict)
    pseudocount: float = calibration.TINY

    def probabilities(self, series):
        power = np.exp(self.logits[:len(series)] / self.temperature)
        return (power / power.sum(axis=1, keepdims=True)).astype(np.float32)

    def tempered(self, temperature):
        return replace(self, temperature=temperature)


@pytest.fixture(scope="module")
def sure():
    """A model three times as sure as it may be."""
    return Given(np.random.default_rng(2).normal(0, 4, (600, 3)), training={"seed": 4})


def validation(grown, model, temperature):
    """Samples whose classes are drawn as the tempered model says."""
    series = grown(len(model.logits)).series
    shares = model.tempered(temperature).probabilities(series).cumsum(axis=1)
    drawn = (np.random.default_rng(0).random((len(shares), 1)) > shares[:, :-1]).sum(axis=1)
    return replace(grown(len(shares)), labels=drawn)


def test_a_calibrated_model_says_how_and_keeps_its_classes(sure, grown):
    samples = validation(grown, sure, 3.0)
    kept = trust.calibrated(sure, samples)
    made = kept.training["calibration"]
    assert kept.training["seed"] == 4
    assert made["samples"] == 600
    assert made["temperature"] == kept.temperature == pytest.approx(3, rel=0.15)
    before, after = (model.probabilities(samples.series) for model in (sure, kept))
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert made["least"] == conformal.threshold(after, samples.labels)
    assert Reliability.of(after, samples.labels).ece < 0.06 < 0.15 < Reliability.of(before, samples.labels).ece
    assert json.loads(json.dumps(made)) == made


def test_without_validation_samples_probabilities_stay_and_every_class_is_in_every_set(sure, grown):
    kept = trust.calibrated(sure, grown(3).take(np.arange(0)))
    assert kept.training["calibration"] == {"samples": 0, "temperature": 1.0, "least": 0.0}
    np.testing.assert_array_equal(kept.logits, sure.logits)
    assert kept.temperature == 1


def test_a_temperature_from_elsewhere_takes_the_place_of_the_cells_and_is_the_same_when_asked_again(sure, grown):
    samples = validation(grown, sure, 3.0)
    kept = trust.calibrated(sure, samples)
    told = {"protocol": "leave-one-season-out", "ece": {"2022": [0.3, 0.1]}}
    once = trust.recalibrated(kept, samples, 5.0, told)
    again = trust.recalibrated(once, samples, 5.0, told)
    assert once.temperature == again.temperature == 5.0
    assert once.training == again.training
    made = once.training["calibration"]
    assert made["held_out"] == {**told, "cells_temperature": kept.temperature}
    given = sure.tempered(5.0).probabilities(samples.series)
    assert made["least"] == conformal.threshold(given, samples.labels) != kept.training["calibration"]["least"]
    np.testing.assert_array_equal(once.probabilities(samples.series), given)
    assert trust.recalibrated(once, samples, 2.0, told).training["calibration"]["held_out"][
        "cells_temperature"] == kept.temperature


def test_without_validation_samples_there_is_no_temperature_of_cells_beside_one_from_elsewhere(sure, grown):
    none = grown(3).take(np.arange(0))
    once = trust.recalibrated(trust.calibrated(sure, none), none, 5.0, {})
    again = trust.recalibrated(once, none, 5.0, {})
    assert once.temperature == again.temperature == 5.0
    for kept in (once, again, trust.recalibrated(sure, none, 5.0, {})):
        assert kept.training["calibration"]["held_out"] == {"cells_temperature": None}


@pytest.fixture(scope="module")
def found(sure, grown):
    samples = validation(grown, sure, 3.0)
    probabilities = sure.tempered(3.0).probabilities(samples.series)
    return Trust.of(probabilities, samples.labels, confidence=0.65, least=0.2), probabilities, samples.labels


def test_what_is_told_is_what_is_counted(found):
    ours, probabilities, labels = found
    table = json.loads(json.dumps(ours.table(NAMES)))
    stands = probabilities.max(axis=1) >= 0.65
    right = (probabilities.argmax(axis=1) == labels)[stands].mean()
    covered = (probabilities[np.arange(len(labels)), labels] >= 0.2).mean()
    for part in (f"ECE {ours.reliability.ece:.3f}; ", f"{stands.mean():.1%} stand at 0.65, {right:.1%} right (",
                 f"of 10,000 predictions {round(10_000 * (1 - stands.mean())):,} (",
                 f"sets of {(probabilities >= 0.2).sum(axis=1).mean():.2f} classes hold the true one in {covered:.1%}"
                 " (promised 90%)"):
        assert part in trust.in_words(table)


def test_a_model_without_sets_is_told_without_them(found):
    _, probabilities, labels = found
    table = Trust.of(probabilities, labels, confidence=0.65, least=None).table(NAMES)
    assert "sets" not in table
    assert trust.in_words(table).endswith("wait for review")


def test_where_nothing_stands_nothing_is_said_to_be_right(found):
    table = Trust.of(found[1][:5] * 0, found[2][:5], confidence=0.65, least=None).table(NAMES)
    assert "0.0% stand at 0.65, none to be right; of 10,000 predictions 10,000 (" in trust.in_words(table)


def test_the_report_holds_the_numbers_and_a_picture_and_repeats_itself(found, sure, grown, tmp_path):
    before = Reliability.of(sure.probabilities(grown(600).series), found[2])
    for name in ("one", "other"):
        trust.report(found[0], NAMES, tmp_path / name, "Held-out cells", before)
    one, other = (sorted((tmp_path / name).iterdir()) for name in ("one", "other"))
    assert [path.name for path in one] == ["reliability.png", "trust.json"]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    written = json.loads((tmp_path / "one" / "trust.json").read_text())
    assert written == json.loads(json.dumps({**found[0].table(NAMES), "as_trained": before.table}))
    picture = image.imread(tmp_path / "one" / "reliability.png")
    assert picture.shape[0] > 300
    assert picture.std() > 0.1


def test_a_report_that_cannot_be_written_is_an_error(found, tmp_path):
    (tmp_path / "report").write_text("a file stands here")
    with pytest.raises(StorageError):
        trust.report(found[0], NAMES, tmp_path / "report", "Held-out cells")
