"""What the commands `bench cropglobe` and `bench windows` do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from agrispec_tf.cropglobe import bench, files, methods, table
from agrispec_tf.cropglobe.bench import Bench
from agrispec_tf.cropglobe.transfer import SEEDS, Settings
from agrispec_tf.cropglobe.views import WINDOWS, View


def run_transfers(tell: Callable[[str], None], *, data: Path, into: Path, sources: Sequence[str],
                  targets: Sequence[str], models: str, protocol: str, augmentation: str | None, seeds: int,
                  epochs: int | None, samples: int | None, views: bool = False) -> str:
    """Makes transfers, or goes on with them, and writes their table; the arguments are the options of
    `agrispec_tf.cli.bench`.

    Args:
        tell: told before each run.
        views: whether models see `views.WINDOWS`, one after the other.

    Returns: what a reader sees.

    Raises:
        as `bench.transfers`, `Bench.rows` and `table.report`.
    """
    settings = Settings(reference=protocol == "reference", augmentation=augmentation or "", epochs=epochs,
                        limit=samples)
    names = [name.strip() for name in models.split(",")]
    present = files.present(data, {methods.named(name).kind for name in names})
    made = Bench(data, into, settings)
    rows = made.rows(bench.transfers(present, sources, targets), names, SEEDS[:seeds], WINDOWS if views else (View(),),
                     tell)
    said = table.report(into, made.told(), rows, settings, seeds, views=views)
    return f"{said}\n\n{len(rows)} rows in {into / table.ROWS}; confusions in {into / table.TABLE}"
