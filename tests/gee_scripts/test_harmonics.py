"""Harmonic coefficients of the graph, computed by the embedded engine, equal NumPy's."""

import io
from dataclasses import replace

import numpy as np
import pytest

from agrispec.cube import CubeSpec, preset
from agrispec.formats import tree_text
from agrispec.grid import Cell
from agrispec.harmonics import Harmonics
from agrispec.kernels import harmonics as kernel
from agrispec.season import Window
from agrispec_tf.baselines import baseline as baselines
from agrispec_tf.baselines.features import Coefficients
from agrispec_tf.data.samples import Samples, Series
from exports import runs
from gee_scripts import cube, export, forest, harmonics, sampling
from gee_scripts import engine as engines

CELL = Cell.parse("E0045N0487")
BANDS = CubeSpec(features=("B4", "B8", "B11"), step_days=16, exported=Window(0, 23), window=Window(4, 20))
INDICES = replace(preset("agrispec-23"), features=("NDVI", "EVI", "NDWI", "GCVI", "LAI"))


@pytest.fixture(scope="module")
def opened(tiny):
    config = runs.open(tiny.home).config
    engine = engines.open(config.engine, tiny.home)
    yield config, engine
    engine.close()


def asked(opened, tiny, spec):
    """(season, region, function of an image to its pixels)."""
    config, engine = opened
    season = replace(config.season_of(2023), step_days=spec.step_days)
    return season, sampling.region(CELL), lambda image: np.load(
        io.BytesIO(engine.pixels(export.expression(image), tiny.grid)))


def whole(patch, spec):
    """Pixels of all bands as (N, T, F + 1)."""
    return np.stack([patch[name] for name in spec.patch_bands()], axis=-1).reshape(-1, *spec.shape)


@pytest.mark.parametrize(("spec", "made"), [(BANDS, Harmonics()), (INDICES, Harmonics()),
                                            (BANDS, Harmonics(orders=1, ridge=2.0))], ids=["bands", "35", "one order"])
def test_the_graph_and_numpy_compute_the_same_coefficients(tiny, opened, spec, made):
    season, region, drawn = asked(opened, tiny, spec)
    series = whole(drawn(cube.patches(spec, season, region)), spec)
    window = series[:, spec.window.start:spec.window.stop]
    expected = kernel.fit(window[..., :-1], window[..., -1] > 0, made.design(spec), made.penalties)
    found = drawn(harmonics.coefficients(spec, made, season, region))
    assert found.dtype.names == made.names(spec)
    got = np.stack([found[name] for name in made.names(spec)], axis=-1).reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
    # Looks are rarer than terms at some pixels, and one is never clear.
    looks = (window[..., -1] > 0).sum(axis=1)
    assert looks.min() == 0 < looks.max()
    assert (expected[looks == 0] == 0).all()
    assert np.abs(expected).max() > 0.01


def test_a_forest_of_harmonics_classifies_the_graphs_pixels_as_it_classifies_series(tiny, opened):
    season, region, drawn = asked(opened, tiny, BANDS)
    pixels = whole(drawn(cube.patches(BANDS, season, region)), BANDS)
    series = Series(cube=BANDS, values=pixels[..., :-1], counts=pixels[..., -1])
    level = Coefficients().of(series)[:, len(Harmonics().terms)]
    labels = np.digitize(level, np.quantile(level, [0.4, 0.7]))
    samples = Samples(series=series, labels=labels, cells=np.full(len(labels), CELL.id), ids=np.arange(len(labels)))
    trained = baselines.fit("random-forest", samples.take(np.arange(0, len(labels), 3)), leaves=20, seed=0,
                            class_names=("a", "b", "c"), features=Coefficients())
    names = trained.features.names(BANDS)
    sent = forest.inline(tree_text.write(trained.estimator.trees, names))
    image = harmonics.coefficients(BANDS, trained.features.harmonics, season, region)
    found = drawn(forest.classes(image, sent, names))["class"].ravel()
    expected = trained.probabilities(series).argmax(axis=1)
    assert len(np.unique(expected)) == 3
    # A coefficient that rounding moves over a limit may change a vote, and a vote a class: of 480 pixels, two.
    assert (found != expected).sum() <= 2
