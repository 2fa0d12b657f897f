"""The options of `evaluate` that choose a protocol; nothing heavy loads with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from agrispec.errors import ConfigError
from agrispec_tf.protocols.names import GROUPS, SPATIAL


def judged(models: Sequence[str]) -> Callable[[Any], Any]:
    """The options of a command that judges some of these models by a protocol, or by none."""
    options = (
        click.option("--protocol", type=click.Choice(list(GROUPS)), is_eager=True,
                     help="What is held out in turn: cells, the [[regions]], the source seasons; or, in-season, cells"
                          " by what was seen until each date."),
        click.option("--model", "models", multiple=True, type=click.Choice(models), metavar="NAME",
                     callback=_of_protocols,
                     help="Kind of model, as of train; more than once compares each to the first.  [default: forest]"),
        click.option("--preset", callback=_of_protocols,
                     help="Recipe of networks: published, small or demo.  [default: published]"),
        click.option("--epochs", type=click.IntRange(1), callback=_of_protocols,
                     help="Passes of networks over the samples, instead of the recipe's."),
        click.option("--seeds", type=click.IntRange(1), callback=_of_protocols,
                     help="Trainings of each model in each trial.  [default: 5]"),
        click.option("--calibrate", is_flag=True, callback=_of_protocols,
                     help="Give RUN's models of these names the temperature of all regions or seasons, each as it was"
                          " held out."))

    def with_options(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command
    return with_options


def _of_protocols(context: click.Context, option: click.Parameter, found: Any) -> Any:
    """What was given, checked to come with a protocol."""
    if found and not context.params.get("protocol"):
        raise ConfigError(f"{option.opts[0]} says how a protocol trains, and no --protocol is given",
                          mend=f"add --protocol {SPATIAL}, or leave it out: evaluate then judges RUN's own models")
    return found
