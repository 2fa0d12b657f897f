"""The commands of the embedded Earth Engine as a tool of its own; what they call loads only then."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def engine() -> None:
    """The embedded Earth Engine: for any `ee` script, without an account.

    Assets and buckets are a folder. Processes that use one folder at once share the server of the first; `engine
    serve` keeps one up.
    """


DATA = click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True,
                    help="Folder of assets and buckets.")
_PROJECT = click.option("--project", default="agrispec-local", show_default=True,
                        help="Cloud project id that it stands for.")


@engine.command()
@DATA
@_PROJECT
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 takes a free one.")
def serve(data: Path, project: str, port: int) -> None:
    """Serve a folder until interrupted; the address is printed first.

    STORAGE_EMULATOR_HOST=ADDRESS lets Cloud Storage's client reach its buckets.
    """
    import gc
    import signal
    import threading

    from gee_scripts.engine.local.server import LocalServer
    data.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with LocalServer(data, project, port=port) as server:
        # What is loaded by now lives as long as the process, which does nothing else: its garbage collector need not
        # go through it again and again, a fifth of what small requests cost.
        gc.freeze()
        click.echo(server.url)
        click.echo(f"Serving {data} as {project}. In Python: ee.Initialize(google.auth.credentials"
                   f".AnonymousCredentials(), url={server.url!r}, project={project!r})", err=True)
        stop.wait()


@engine.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of assets and buckets.")
@click.option("--url", help="Address of a server that runs already, instead of --data.")
@_PROJECT
@click.argument("script", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(data: Path | None, url: str | None, project: str, script: Path, arguments: tuple[str, ...]) -> None:
    """Run SCRIPT, an unmodified Earth Engine script, on the embedded engine."""
    from gee_scripts.engine import script as scripts
    if url is not None and data is None:
        scripts.run(script, arguments, url, project)
    elif data is not None and url is None:
        from gee_scripts.engine import embedded
        data.mkdir(parents=True, exist_ok=True)
        with embedded.served(data, project) as address:
            scripts.run(script, arguments, address, project)
    else:
        raise click.UsageError("give --data DIR or --url URL")


@engine.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON list of objects.")
def functions(as_json: bool) -> None:
    """Tell which of Earth Engine's functions are answered, and how far."""
    import json
    from collections import Counter
    from dataclasses import asdict

    from gee_scripts.engine.local.language import coverage
    rows = coverage.rows()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=1))
        return
    for row in rows:
        if row.status != "not":
            click.echo(f"{row.name:<40} {row.status:<8} {row.note}".rstrip())
    counts = Counter(row.status for row in rows)
    click.echo(f"{counts['done']} done, {counts['partial']} partial, {counts['not']} not")
