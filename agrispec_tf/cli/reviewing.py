"""The commands that put doubtful parcels in front of people; what they call loads only then."""

from __future__ import annotations

from pathlib import Path

import click

from agrispec.errors import ConfigError
from exports.terminal import RUN, Opening, progress

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def review() -> None:
    """Put the parcels that RUN's model is not confident of in front of people, and keep what they say."""


@review.command()
@RUN
def queue(run: Path) -> None:
    """Rank the parcels of RUN's map that wait for review: uncertain, large and unlike others first."""
    from agrispec_tf import triage
    from exports import runs
    from exports.review import queue as queues
    opened = runs.open(run)
    with progress("ranking"):
        made = queues.make(opened, opened.config.labels.parcel_id, triage.ranking)
    shown = "simulated parcels" if made.about["simulated"] else "parcels"
    click.echo(f"{len(made.table):,} {shown}, {made.table['area_ha'].sum():,.1f} ha, wait in"
               f" {opened.review / queues.FILE}; next: agrispec-gee review serve {run}")


@review.command()
@RUN
@click.option("--reviewer", metavar="NAME", help="Who gives the verdicts.  [default: the name of your account]")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option("--no-browser", is_flag=True, help="Print the page's address and open nothing.")
@click.pass_obj
def serve(opening: Opening, run: Path, reviewer: str | None, port: int, no_browser: bool) -> None:
    """Show RUN's queue on a page of this machine, until interrupted: map, series, examples, verdicts by keyboard."""
    import signal
    import threading
    import webbrowser
    from contextlib import nullcontext

    from exports import runs
    from exports.review import doorway
    from exports.review import queue as queues
    from exports.review.desk import Desk
    from exports.review.server import ReviewServer
    waiting, name = queues.read(runs.open(run)), reviewer or _account()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with opening(run) as opened:
        desk = Desk(opened.run, opened.config, opened.engine, opened.graphs, waiting, name)
        with ReviewServer(desk, port) as server:
            click.echo(server.url)
            click.echo(f"{len(waiting.table):,} parcels; Ctrl-C ends it. The address lets in whoever has it.", err=True)
            with nullcontext() if no_browser else doorway.to(server.url, opened.run.review) as door:
                if door:
                    webbrowser.open(door.as_uri())
                stop.wait()


@review.command("import")
@RUN
@_FILE
def import_(run: Path, file: Path) -> None:
    """Take the verdicts of FILE, a GeoJSON or CSV file of `review export` that was filled in.

    Of each row parcel, verdict (accept, correct, skip, undo), class, reviewer and time are read. All rows are taken or
    none; those that say nothing new are passed over.
    """
    from exports import runs
    from exports.review import commands
    taken, passed = commands.take_in(runs.open(run), file)
    over = f"; {passed} rows passed over, whose verdicts are known already or older than what stands" if passed else ""
    click.echo(f"{taken} new verdicts{over}; next: agrispec-gee train {run} --with-review")


@review.command("export")
@RUN
@_FILE
def export_(run: Path, file: Path) -> None:
    """Write RUN's queue with its verdicts to FILE, .geojson for QGIS or .csv for a spreadsheet."""
    from exports import runs
    from exports.review import commands
    rows = commands.write_out(runs.open(run), file)
    click.echo(f"{rows} rows in {file}; fill in verdict, class and reviewer,"
               f" then: agrispec-gee review import {run} {file}")


def _account() -> str:
    """The name of the account that runs this."""
    import getpass
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise ConfigError("this account has no name", mend="give --reviewer NAME") from error
