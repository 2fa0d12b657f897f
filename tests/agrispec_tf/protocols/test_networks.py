"""A network learns from a part of the cells that teach and chooses its epoch on the others."""

import numpy as np
import pytest

from agrispec.errors import ConfigError
from agrispec_tf.collected import Collected
from agrispec_tf.protocols import folds, networks


@pytest.fixture(scope="module")
def run(written, tmp_path_factory):
    return written(tmp_path_factory.mktemp("networks") / "run", window=(97, 320))


def test_all_that_teaches_is_used_once_to_learn_or_to_choose_and_the_seed_decides(run):
    learner = networks.network(run.config, "mlp", "demo", 1)
    samples = Collected(run, run.config).sources()
    teaching, judged = next(folds.of_cells(samples.labels, samples.cells))
    one, other = (learner.fit(samples.take(teaching), seed) for seed in (3, 4))
    learning, choosing = next(folds.choosing(samples.labels[teaching], samples.cells[teaching], 3))
    assert one.training["training_samples"] == len(learning)
    assert one.training["validation_samples"] == len(choosing) == len(teaching) - len(learning)
    assert not np.array_equal(*(model.probabilities(samples.series.take(judged)) for model in (one, other)))


def test_what_a_network_follows_from_is_in_its_settings(run):
    mlp, longer, bigru = (networks.network(run.config, model, "small", epochs).settings
                          for model, epochs in (("mlp", None), ("mlp", 99), ("bigru", None)))
    assert mlp["recipe"]["epochs"] == 60
    assert longer["recipe"]["epochs"] == 99
    assert {**longer, "recipe": mlp["recipe"]} == mlp
    assert (mlp["smoothing"], bigru["smoothing"]) == (0, run.config.training.smoothing)
    assert bigru["network"]["architecture"] == "bigru"


def test_an_unknown_recipe_is_refused(run):
    with pytest.raises(ConfigError, match="there is no recipe 'tiny' for 'mlp'"):
        networks.network(run.config, "mlp", "tiny", None)
