"""The options of the commands that repeat transfers; nothing heavy loads with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def transfers(models: str, into: str) -> Callable[[Any], Any]:
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
        click.option("--samples", type=click.IntRange(1), help="Most samples of a country that are used."),
        click.option("--backend", type=click.Choice(["tensorflow", "jax"]),
                     help="What Keras computes with.  [default: KERAS_BACKEND, or what is installed]"))

    def with_options(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command
    return with_options
