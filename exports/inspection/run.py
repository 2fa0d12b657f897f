"""Run directories: what was asked for, what was done, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agrispec.errors import CorruptRecord
from exports import manifest, runs
from exports.amounts import counted
from exports.inspection import cube, model, places
from exports.inspection.text import entry, listed, on_disk, table
from exports.runs import Run

_ONNX = ".onnx"


def describe(path: Path) -> Iterator[str]:
    """Engine, seasons, cube, samples, models, stages, folders, and the commands for what is not there yet.

    Raises:
        ConfigError: its configuration is wrong.
        RunError: its manifest is damaged.
        CorruptRecord: its samples or its truth are damaged.
    """
    run = runs.open(path)
    config, stages = run.config, manifest.read(path)["stages"]
    years = ", ".join(map(str, config.season.source))
    yield from entry("run", f"{path}{', of simulated scenes' if manifest.simulated(path) else ''}")
    yield from entry("engine", f"{config.engine.name}, project {config.engine.project}, bucket {config.engine.bucket}")
    yield from entry("seasons", f"{years} with labels, {config.season.target} to map; day 1 is"
                                f" {config.season.first_day} (MM-DD); {counted(len(config.area.resolved), 'cell')}")
    yield from cube.describe(config.spec)
    if run.samples.exists():
        yield from places.of_samples(run.samples, config.taxonomy.names)
    if run.truth.exists():
        yield from entry("truth", f"of season {config.season.target}")
        yield from places.of_truth(run.truth, config.taxonomy.names)
    if run.models.is_dir():
        yield from _models(run)
    if stages:
        yield from _stages(run, stages)
    yield from entry("folders", *_folders(path))
    yield from entry("missing", *(_missing(run, stages) or ["nothing: every stage is done"]))


def _models(run: Run) -> Iterator[str]:
    rows = []
    for folder in sorted(run.models.glob("[!.]*")):
        if (folder / runs.MODEL_CARD).exists():
            try:
                card = model.card(folder)
                rows.append([folder.name, card["architecture"], card["cube_digest"],
                             f"{card['training']['training_samples']:,}",
                             "yes" if "from" in card["training"] else "no"])
            except CorruptRecord:
                rows.append([folder.name, "damaged card", "-", "-", "-"])
        elif folder.suffix == _ONNX:
            rows.append([folder.name, "ONNX file", "-", "-", "-"])
    yield from entry("models", f"{len(rows)}")
    if rows:
        yield from table(["name", "architecture", "cube", "training samples", "fine-tuned"], rows)


def _stages(run: Run, stages: Mapping[str, Any]) -> Iterator[str]:
    now = manifest.digest(run.config_file)
    # Most stages are done by the same versions: those stand once, by number.
    known: list[Mapping[str, str]] = []
    rows = []
    for name, did in stages.items():
        versions = did.get("versions", {})
        if versions not in known:
            known.append(versions)
        rows.append([name, did.get("finished", "-"), "as now" if did.get("configuration") == now else "another",
                     f"{known.index(versions) + 1}"])
    yield from entry("stages", counted(len(rows), "stage"))
    yield from table(["stage", "finished", "configuration", "versions"], rows)
    for place, versions in enumerate(known):
        yield from entry(f"versions {place + 1}", *listed(f"{name} {version}" for name, version in versions.items()))


def _folders(path: Path) -> Iterator[str]:
    below = sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    for folder in below:
        yield f"{folder.name}/: {on_disk(file for file in folder.rglob('*') if file.is_file())}"
    if not below:
        yield "none yet"


def _missing(run: Run, stages: Mapping[str, Any]) -> list[str]:
    """What comes next, a line each with its command."""
    trained = run.models.is_dir() and any(run.models.glob(f"*/{runs.MODEL_CARD}"))
    published = any(name == "publish" or name.startswith("map-on-engine") for name in stages)
    steps = (("cubes", run.shards.exists() and run.samples.exists(), "export"), ("a model", trained, "train"),
             ("scores of the target season", run.truth.exists(), "evaluate"),
             ("a map", run.predictions.exists(), "predict"), ("assets of the map", published, "publish"))
    found = [f"{what}: agrispec-gee {command} {run.path}" for what, there, command in steps if not there]
    if run.exporting.is_dir():
        found.insert(0, f"the rest of an export, see {run.exporting.name}/: agrispec-gee export {run.path} --resume")
    return found
