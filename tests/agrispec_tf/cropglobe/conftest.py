"""Tables, rows and files of CropGlobe's layout, all of them simulated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agrispec_tf.cropglobe import files
from agrispec_tf.cropglobe.files import SERIES, Table
from agrispec_tf.cropglobe.transfer import Row
from agrispec_tf.cropglobe.views import View


@pytest.fixture(scope="module")
def france(globe: Path) -> Table:
    return files.read(globe, "FRA")


@pytest.fixture(scope="session")
def of_codes() -> Callable[..., Table]:
    def table(codes: list[int], country: str = "FRA", kind: str = SERIES) -> Table:
        """A table whose values are each sample's number."""
        shape = (len(codes), 73, 10) if kind == SERIES else (len(codes), 3)
        values = np.broadcast_to(np.arange(len(codes)).reshape(-1, *[1] * (len(shape) - 1)), shape).astype(np.float32)
        return Table(country=country, kind=kind, path=Path(f"{country}.npz"), values=values, labels=np.array(codes),
                     duplicates=0, contradictions=0)
    return table


@pytest.fixture(scope="session")
def simulated_vectors() -> Callable[..., Path]:
    def written(folder: Path, country: str, kind: str, count: int, *, shape: tuple[int, ...] = (12,),
                codes: tuple[int, ...] = (0, 1, 3, 6), seed: int = 0) -> Path:
        """A file of vectors in CropGlobe's layout, simulated: each crop about a place of its own."""
        generator = np.random.default_rng(seed)
        labels = np.array(codes)[np.arange(count) % len(codes)]
        places = np.random.default_rng(99).normal(0, 1, (7, *shape))
        values = places[labels] + generator.normal(0, 0.3, (count, *shape))
        path = folder / kind / files.FILES[kind].format(country)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, fea=values.astype(np.float32), lbl=labels)
        return path
    return written


@pytest.fixture(scope="session")
def row() -> Callable[..., Row]:
    def made(model: str = "cropnet-v1", seed: int = 82, accuracy: float = 0.7, augmentation: str = "v1",
             target: str = "USA", hits: int = 7, view: View | None = None) -> Row:
        """A row of France to the United States, or to another target."""
        view = view or View()
        confusion: Any = np.zeros((7, 7), int)
        confusion[0, 0] = hits
        return Row(source="FRA", target=target, model=model, seed=seed, protocol="honest", augmentation=augmentation,
                   step_days=view.step_days, first_day=view.first_day, last_day=view.last_day, epochs=50, limit=None,
                   accuracy=accuracy, macro_f1=0.6, weighted_f1=0.65, confusion=confusion.tolist(), samples=10,
                   dropped=2, training_samples=80, validation_samples=20, best_epoch=3, validation_macro_f1=0.9,
                   seconds=1.0)
    return made
