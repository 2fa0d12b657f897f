"""What tests of learning learn from, as fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agrispec.cube import CubeSpec
from agrispec.grid import Cell
from agrispec_tf.data.samples import Samples
from exports.runs import Run

from .small_run import CELLS, write, write_parcels
from .small_season import NAMES, grown, small_cube, warm

if TYPE_CHECKING:
    from agrispec_tf.classifier import Classifier


@pytest.fixture(name="warm", scope="session")
def _warm() -> Callable[..., Samples]:
    return warm


@pytest.fixture(name="grown", scope="session")
def _grown() -> Callable[..., Samples]:
    return grown


@pytest.fixture(name="small_cube", scope="session")
def _small_cube() -> CubeSpec:
    return small_cube()


@pytest.fixture(scope="session")
def class_names() -> tuple[str, ...]:
    return NAMES


def assert_same(ours: Classifier, theirs: Classifier) -> None:
    """Two trainings came to the same, but for the time they took: scores, settings and every bit of the weights."""
    def timeless(rows: Iterable[Mapping[str, float]]) -> list[dict[str, float]]:
        return [{**row, "seconds": 0} for row in rows]
    assert timeless(ours.history) == timeless(theirs.history)
    assert ours.training == theirs.training
    for one, other in zip(ours.model.get_weights(), theirs.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(name="assert_same", scope="session")
def _assert_same() -> Callable[..., None]:
    return assert_same


def simulated_globe(folder: Path, country: str, count: int, *, delay_days: float = 0.0, seed: int = 0,
                    codes: tuple[int, ...] = (0, 1, 3, 6)) -> Path:
    """A file of CropGlobe's layout, simulated: crops whose series peak at different days, later by `delay_days`."""
    generator = np.random.default_rng(seed)
    labels = np.array(codes)[np.arange(count) % len(codes)]
    peak = 150 + 25 * labels + generator.normal(0, 8, count) + delay_days
    curve = np.exp(-(((np.arange(73) * 5 + 2.5) - peak[:, None]) / 35) ** 2)
    values = 0.15 + np.linspace(-0.1, 0.4, 10)[:, None] * curve[:, None] + generator.normal(0, 0.03, (count, 10, 73))
    path = folder / "for_CropNet" / f"median_S2_{country}_month1-12_day5.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, fea=values.astype(np.float32), lbl=labels)
    return path


@pytest.fixture(name="simulated_globe", scope="session")
def _simulated_globe() -> Callable[..., Path]:
    return simulated_globe


@pytest.fixture(scope="session")
def globe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated countries, the second with an earlier season, the third with a later one."""
    folder = tmp_path_factory.mktemp("globe")
    for seed, (country, delay) in enumerate((("FRA", 0), ("BEL", -8), ("ARG", 25))):
        simulated_globe(folder, country, 240, delay_days=delay, seed=seed)
    return folder


@pytest.fixture(scope="session")
def written() -> Callable[..., Run]:
    return write


@pytest.fixture(scope="session")
def with_parcels() -> Callable[[Run, int], None]:
    return write_parcels


@pytest.fixture(scope="session")
def cells() -> tuple[Cell, ...]:
    return CELLS
