"""Harmonic coefficients of the graph, computed by the embedded engine, equal NumPy's."""

import io
from dataclasses import replace

import numpy as np
import pytest

from agrispec.cube import CubeSpec, preset
from agrispec.grid import Cell
from agrispec.harmonics import Harmonics
from agrispec.kernels import harmonics as kernel
from agrispec.season import Window
from exports import runs
from gee_scripts import cube, export, harmonics, sampling
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


@pytest.mark.parametrize(("spec", "made"), [(BANDS, Harmonics()), (INDICES, Harmonics()),
                                            (BANDS, Harmonics(orders=1, ridge=2.0))], ids=["bands", "35", "one order"])
def test_the_graph_and_numpy_compute_the_same_coefficients(tiny, opened, spec, made):
    config, engine = opened
    season, region = replace(config.season_of(2023), step_days=spec.step_days), sampling.region(CELL)

    def drawn(image):
        return np.load(io.BytesIO(engine.pixels(export.expression(image), tiny.grid)))

    patch = drawn(cube.patches(spec, season, region))
    series = np.stack([patch[name] for name in spec.patch_bands()], axis=-1).reshape(-1, *spec.shape)
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
