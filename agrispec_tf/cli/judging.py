"""The commands that judge models and their map; what they call loads only then."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from agrispec.errors import ConfigError
from agrispec_tf.cli.training import FORESTS, NETWORKS
from agrispec_tf.protocols.names import GROUPS, SPATIAL
from exports.terminal import RUN, Opening, progress


def _of_protocols(context: click.Context, option: click.Parameter, found: Any) -> Any:
    """What was given, checked to come with a protocol."""
    if found and not context.params.get("protocol"):
        raise ConfigError(f"{option.opts[0]} says how a protocol trains, and no --protocol is given",
                          mend=f"add --protocol {SPATIAL}, or leave it out: evaluate then judges RUN's own models")
    return found


@click.command()
@RUN
@click.option("--protocol", type=click.Choice(list(GROUPS)), is_eager=True,
              help="What is held out in turn: cells, the [[regions]], the source seasons; or, in-season, cells by what"
                   " was seen until each date.")
@click.option("--model", "models", multiple=True, type=click.Choice([*NETWORKS, *FORESTS]), metavar="NAME",
              callback=_of_protocols,
              help="Kind of model, as of train; more than once compares each to the first.  [default: forest]")
@click.option("--preset", callback=_of_protocols,
              help="Recipe of networks: published, small or demo.  [default: published]")
@click.option("--epochs", type=click.IntRange(1), callback=_of_protocols,
              help="Passes of networks over the samples, instead of the recipe's.")
@click.option("--seeds", type=click.IntRange(1), callback=_of_protocols,
              help="Trainings of each model in each trial.  [default: 5]")
@click.option("--calibrate", is_flag=True, callback=_of_protocols,
              help="Give RUN's models of these names the temperature of all regions or seasons, each as it was held"
                   " out.")
@click.pass_obj
def evaluate(opening: Opening, run: Path, protocol: str | None, **chosen: Any) -> None:
    """Open the target season's labels and score every model of RUN on its held-out cells.

    With --protocol the target's labels stay closed: models are trained anew, on the labelled samples of RUN's source
    seasons, and judged on places, regions, seasons or dates that taught them nothing. The same command goes on with an
    evaluation that was interrupted. See docs/how-to/evaluate.md.
    """
    if protocol:
        click.echo(_judged(opening, run, protocol, **chosen))
        return
    from agrispec_tf import commands, run_models, trust
    from agrispec_tf.adaptation import choices
    from exports import manifest
    from exports.export import places
    with opening(run) as opened, progress("evaluating") as tell:
        run_models.models(opened.run)
        truth = places.truth(opened.run, opened.config, opened.engine, opened.graphs)
        target = opened.config.season.target
        tell(f"{len(truth)} samples of the {target} season have a label")
        scores = commands.run_evaluate(opened.run, opened.config, truth)
    stages = manifest.read(run)["stages"]
    for name, found in scores.items():
        click.echo(f"{name} on the {target} season: accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f}")
        click.echo(f"  {trust.in_words(stages['evaluate']['trust'][name])}")
    for line in choices.told(stages, {name: found.macro_f1 for name, found in scores.items()}):
        click.echo(line)
    if (unusual := stages["evaluate"]["unusual"]) is not None:
        click.echo(f"{unusual:.1%} of its samples are farther from those that taught than 95% of the held-out ones of"
                   " the source seasons.")


def _judged(opening: Opening, run: Path, protocol: str, **chosen: Any) -> str:
    from agrispec_tf.protocols import commands
    from exports import runs
    home = runs.open(run)
    fetch = None
    with ExitStack() as stack:
        if home.config.labels.parcels:
            opened = stack.enter_context(opening(run))

            def fetch(asset: str, grid: Any) -> Any:
                return opened.engine.features(opened.graphs.parcels(asset, grid))
        tell = stack.enter_context(progress(f"evaluating by {protocol}"))
        return commands.run_protocol(home, home.config, protocol, fetch, tell, **chosen)


@click.group()
def area() -> None:
    """Hectares with confidence intervals, by pixels whose class somebody looked up.

    Counting a map's pixels counts its errors, too. See docs/how-to/areas.md.
    """


@area.command()
@RUN
@click.option("--standard-error", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01,
              show_default=True, help="Of overall accuracy, to reach: 0.01 is one percent of the area.")
def design(run: Path, standard_error: float) -> None:
    """Draw pixels of RUN's map to be labelled, so many of each class that estimates will be sure enough."""
    from agrispec_tf.area import commands
    from exports import runs
    opened = runs.open(run)
    for line in commands.run_design(opened, opened.config, standard_error):
        click.echo(line)


@area.command()
@RUN
@click.option("--sample", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Labelled places, CSV, Parquet or GeoJSON.  [default: that of RUN/area]")
def estimate(run: Path, sample: Path | None) -> None:
    """Estimate areas and accuracies of RUN's map by a labelled probability sample, with 95 % intervals."""
    from agrispec_tf.area import commands
    from exports import runs
    for line in commands.run_estimate(runs.open(run), sample):
        click.echo(line)
