"""The commands that repeat published comparisons; what they call loads only then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agrispec_tf.cli.training import BACKEND
from exports.terminal import progress


def _transfers(models: str, into: str) -> Callable[[Any], Any]:
    """The options of a command that repeats transfers: by default of these models, with rows in that folder."""
    options = (
        click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
                     help="Folder of the downloaded CropGlobe."),
        click.option("--into", type=click.Path(path_type=Path, file_okay=False), default=into,
                     show_default=True, help="Folder of the rows; what is done already is not done again."),
        click.option("--source", "sources", multiple=True, help="A country, e.g. FRA; more than once for more."),
        click.option("--target", "targets", multiple=True, help="A country, e.g. BEL; more than once for more."),
        click.option("--models", default=models, show_default=True, help="Names with commas between them."),
        click.option("--protocol", type=click.Choice(["honest", "reference"]), default="honest", show_default=True,
                     help="reference does as the released trainer, whose validation is a leak."),
        click.option("--augmentation", type=click.Choice(["v1", "v3", "none"]),
                     help="Of all networks.  [default: each one's own]"),
        click.option("--seeds", type=click.IntRange(1, 10), default=10, show_default=True, help="Runs, of 10."),
        click.option("--epochs", type=click.IntRange(1), help="Of networks, instead of 50."),
        click.option("--samples", type=click.IntRange(1), help="Most samples of a country that are used."), BACKEND)

    def with_options(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command
    return with_options


@click.group()
def bench() -> None:
    """Repeat published comparisons, on data that you download."""


@bench.command()
@_transfers("cropnet,cropnet-v1,cropnet-1d,tempcnn,mlp,forest,hgb", "cropglobe-bench")
def cropglobe(backend: str | None, **chosen: Any) -> None:
    """Train on one country of CropGlobe, test on others, beside the published figures.

    Without --source and --target the published transfers are repeated whose files are there. See docs/cropnet.md.
    """
    _repeat(backend, **chosen)


@bench.command()
@_transfers("cropnet", "cropglobe-windows")
def windows(backend: str | None, sources: tuple[str, ...], targets: tuple[str, ...], **chosen: Any) -> None:
    """Compare steps of 5, 15 and 30 days, and May to November with the whole year.

    Without --source and --target it trains on France and tests on Belgium. See docs/cropnet.md.
    """
    _repeat(backend, sources=sources or ("FRA",), targets=targets or ("BEL",), views=True, **chosen)


def _repeat(backend: str | None, **chosen: Any) -> None:
    from agrispec_tf import backend as backends
    backends.load(backend)
    from agrispec_tf.cropglobe import commands
    with progress("training") as tell:
        said = commands.run_transfers(tell, **chosen)
    click.echo(said)
