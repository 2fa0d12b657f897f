"""What can be trained, on what, and by whose augmentation."""

import pytest

from agrispec.errors import ConfigError
from agrispec_tf.baselines import training
from agrispec_tf.cropglobe import methods
from agrispec_tf.cropglobe.files import FILES
from agrispec_tf.cropglobe.methods import METHODS
from agrispec_tf.cropglobe.transfer import Settings
from agrispec_tf.cropglobe.views import WINDOWS
from agrispec_tf.models import architectures


@pytest.mark.parametrize("view", WINDOWS)
def test_every_network_of_series_reads_every_window(view):
    for method in METHODS.values():
        if method.network and method.reads_series:
            options = architectures.for_cube(method.learner, view.cube, 4)
            assert options.series_shape == (view.cube.window.steps, 10)


@pytest.mark.parametrize("name", ["mlp", "forest", "hgb"])
def test_what_the_released_comparison_reads_each_kind_of_file_with_is_there(name):
    assert [METHODS[name if kind == "series" else f"{name}-{kind}"].kind for kind in FILES] == list(FILES)


@pytest.mark.parametrize(("model", "own", "asked"), [
    ("cropnet", "v3", "v1"), ("cropnet-v1", "v1", "v1"), ("tempcnn", "v3", "v1"), ("mlp", "none", "v1"),
    ("bigru", "none", "v1"), ("forest", "none", "none"), ("mlp-presto", "none", "none"),
    ("hgb-presto", "none", "none")])
def test_augmentation_is_each_ones_own_or_what_is_asked_of_networks_that_read_series(model, own, asked):
    assert Settings().augmentation_of(METHODS[model]) == own
    assert Settings(augmentation="v1").augmentation_of(METHODS[model]) == asked


def test_a_model_that_is_none_is_refused_by_name():
    with pytest.raises(ConfigError, match="no model 'transformer'"):
        methods.named("transformer")


def test_forests_of_a_run_mean_what_they_mean_here():
    for name, method in training.METHODS.items():
        assert METHODS[name].learner == method.grows
        assert METHODS[name].kind == {"medians": "series", "harmonics": "harmonic"}[method.features.kind]
