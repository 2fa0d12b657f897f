"""A small network that knows the small season."""

import pytest

from agrispec_tf import train
from agrispec_tf.models.tempcnn import TempCNNOptions
from agrispec_tf.recipes import Recipe


@pytest.fixture(scope="session")
def source(grown):
    """(training, validation) of the small season."""
    return grown(180, seed=0), grown(60, seed=1, place="V")


@pytest.fixture(scope="session")
def knowing(source, small_cube, class_names):
    """A TempCNN trained on the small season."""
    options = TempCNNOptions.for_cube(small_cube, len(class_names))
    how = Recipe(epochs=12, batch=32, learning_rate=1e-3, standardised=True)
    return train.fit(options, *source, class_names=class_names, how=how, seed=0)
