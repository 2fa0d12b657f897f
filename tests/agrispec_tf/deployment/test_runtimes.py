"""A map is computed by the fastest runtime that agrees, and by none that answers otherwise unless it is asked for."""

import numpy as np
import pytest

for library in ("onnx", "onnxruntime", "openvino"):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install 'agrispec-gee[deploy]'")

from agrispec.errors import ConfigError, MissingExtra  # noqa: E402
from agrispec_tf import training  # noqa: E402
from agrispec_tf.baselines import training as forests  # noqa: E402
from agrispec_tf.collected import Collected  # noqa: E402
from agrispec_tf.deployment import network, runtimes  # noqa: E402
from agrispec_tf.recipes import Recipe  # noqa: E402
from agrispec_tf.run_models import load  # noqa: E402


class Clock:
    """In place of `time`: it goes on by what a runtime takes, when that is asked."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


class On:
    """A predictor that takes some seconds, and may answer otherwise."""

    def __init__(self, predictor, clock, seconds, answer=lambda found: found):
        self.class_names = predictor.class_names
        self._predictor, self._clock, self._seconds, self._answer = predictor, clock, seconds, answer

    def probabilities(self, series):
        self._clock.now += self._seconds
        return self._answer(self._predictor.probabilities(series))


@pytest.fixture(scope="module")
def run(written, tmp_path_factory):
    found = written(tmp_path_factory.mktemp("runtimes") / "run")
    training.run_train(found, found.config, "mlp", Recipe(epochs=2, batch=32, learning_rate=1e-3), lambda done: None)
    forests.run_train(found, found.config, "forest")
    return found


@pytest.fixture(scope="module")
def shown(run):
    return Collected(run, run.config).labelled("train").series


@pytest.fixture(scope="module")
def trained(run):
    return load(run, run.config, "mlp")


@pytest.fixture
def timed(monkeypatch):
    """Seconds of each runtime, and how one of them changes its answers -> as which they open from then on."""
    def time(seconds, changes=()):
        clock, opened = Clock(), runtimes.opened
        monkeypatch.setattr(runtimes, "time", clock)
        monkeypatch.setattr(runtimes, "opened", lambda *arguments: On(
            opened(*arguments), clock, seconds[arguments[-1]],
            *([lambda found: found * np.float32(0.999)] if arguments[-1] in changes else [])))
        return clock
    return time


@pytest.mark.parametrize("fastest", ["keras", "onnx", "openvino"])
def test_the_fastest_that_agrees_is_taken(run, trained, shown, timed, fastest):
    seconds = {"keras": 1.0, "onnx": 1.0, "openvino": 1.0, fastest: 0.01}
    keras = On(trained, timed(seconds), seconds["keras"])
    found = runtimes.choose(run, run.config, "mlp", keras, "auto", keras, shown)
    assert found.name == fastest
    assert found.measured == {name: pytest.approx(len(shown) / seconds[name]) for name in seconds}
    assert (found.agreement, found.shown) == (1, len(shown))
    np.testing.assert_allclose(found.predictor.probabilities(shown), trained.probabilities(shown), atol=1e-4)


def test_one_that_answers_otherwise_is_left_out(run, trained, shown, timed):
    keras = On(trained, timed({"onnx": 1.0, "openvino": 0.01}, changes=("openvino",)), 2.0)
    found = runtimes.choose(run, run.config, "mlp", keras, "auto", keras, shown)
    assert set(found.measured) == {"keras", "onnx"}


@pytest.mark.parametrize("name", ["keras", "onnx", "openvino", "int8"])
def test_what_is_asked_for_is_taken_and_its_agreement_told(run, trained, shown, name):
    asked = runtimes.opened(run, run.config, "mlp", trained, name)
    found = runtimes.choose(run, run.config, "mlp", trained, name, asked, shown)
    assert found.predictor is asked
    assert (found.name, set(found.measured)) == (name, {name})
    same = found.predictor.probabilities(shown).argmax(axis=1) == trained.probabilities(shown).argmax(axis=1)
    assert found.agreement == same.mean() > (0.8 if name == "int8" else 0.999)
    assert found.said["compared"] == len(shown)


def test_trees_have_no_other_runtime(run, shown):
    forest = load(run, run.config, "forest")
    assert runtimes.choose(run, run.config, "forest", forest, "auto", forest, shown).name == "trees"
    runtimes.check(run, "forest", "auto")
    with pytest.raises(ConfigError, match="forest is made of trees"):
        runtimes.check(run, "forest", "onnx")


def test_without_the_extra_keras_is_left_and_the_extra_is_named(run, trained, shown, monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    assert set(runtimes.choose(run, run.config, "mlp", trained, "auto", trained, shown).measured) == {"keras"}
    with pytest.raises(MissingExtra, match="what onnx needs is not installed"):
        runtimes.check(run, "mlp", "onnx")
    runtimes.check(run, "mlp", "keras")


def test_a_layer_without_a_rule_leaves_keras(run, trained, shown, monkeypatch):
    def refuse(classifier):
        raise ConfigError("there is no rule", mend="none")
    monkeypatch.setattr(network, "written", refuse)
    assert set(runtimes.choose(run, run.config, "mlp", trained, "auto", trained, shown).measured) == {"keras"}
