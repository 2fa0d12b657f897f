"""What a run read, did and made: `manifest.json`, one entry a stage, written whole after each stage."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from agrispec.errors import RunError
from agrispec.formats.atomic import write_files

FILE = "manifest.json"

_VERSIONS = ("agrispec-gee", "numpy", "earthengine-api", "keras", "tensorflow", "jax")


def read(run: Path) -> dict[str, Any]:
    """The manifest of a run directory; empty stages where nothing was done yet.

    Raises:
        RunError: the file is not a manifest.
    """
    path = run / FILE
    if not path.exists():
        return {"stages": {}}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for did in found["stages"].values():
            _scenes(did)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is not a manifest", mend="remove it and run the stages again") from error
    return found


def record(run: Path, stage: str, did: Mapping[str, Any], *, undoes: str | None = None) -> None:
    """Enter what a stage did, with the time, the versions at work and the configuration's digest.

    A stage that runs again replaces its entry; the entries of the others stay, but that of the one that it undoes.
    """
    found = read(run)
    if undoes:
        found["stages"].pop(undoes, None)
    found["stages"][stage] = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "configuration": digest(run / "agrispec.toml"), "versions": versions(), **did}
    write_files({run / FILE: json.dumps(found, indent=2, ensure_ascii=False).encode()})


def versions() -> dict[str, str]:
    """Python's version and those of the packages at work that are installed."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def simulated(run: Path) -> bool:
    """Whether any scene of a run directory was simulated, as its export found."""
    return any(_scenes(read(run)["stages"].get("export", {})))


def _scenes(did: Mapping[str, Any]) -> list[int]:
    """Simulated scenes by season, of what a stage did."""
    return [int(season["simulated"]) for season in did.get("scenes", {}).values()]


def digest(path: Path) -> str:
    """16 hexadecimal digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
