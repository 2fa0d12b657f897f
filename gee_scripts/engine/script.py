"""Somebody's script for Earth Engine, run unchanged against a local engine."""

from __future__ import annotations

import http.client
import json
import re
import runpy
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import ee
from google.auth.credentials import AnonymousCredentials

from agrispec.config import PROJECT_ID
from agrispec.errors import EngineError

# An engine at work answers this at once; all its threads may be.
_SECONDS = 10.0


def check(url: str) -> None:
    """Whether a local engine answers at an address, asked once: the client would ask for half a minute.

    Raises:
        EngineError: none does; what was found there.
    """
    found = ""
    try:
        with urllib.request.urlopen(f"{url}/$discovery/rest", timeout=_SECONDS) as answer:
            if json.load(answer).get("name") != "earthengine":
                found = "another program does"
    except urllib.error.HTTPError as error:
        with error:
            found = f"another program does, with status {error.code}"
    except urllib.error.URLError as error:
        found = str(error.reason)
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        found = f"another program does, or none: {error}"
    if found:
        raise EngineError(f"no local engine answers at {url!r}: {found}",
                          mend="start one with agrispec-gee engine serve, and give the address that it prints")


@contextmanager
def redirected(url: str, project: str) -> Iterator[ModuleType]:
    """An `ee` whose `Initialize` reaches `url` whatever it is given, and whose `Authenticate` does nothing.

    The project a call names is kept, so that the assets a script writes and reads stay its own; `project` stands
    in where none is named. `ee` is initialised already.

    Raises:
        EngineError: nothing answers at the address.
    """
    check(url)
    initialize, authenticate = ee.Initialize, ee.Authenticate

    def reach(*args: Any, **named: Any) -> None:
        asked = str(named.get("project") or "")
        initialize(credentials=AnonymousCredentials(), url=url,
                   project=asked if re.fullmatch(PROJECT_ID, asked) else project)

    ee.Initialize, ee.Authenticate = reach, lambda *args, **named: True
    try:
        try:
            reach()
        except (OSError, ValueError, ee.EEException) as error:
            raise EngineError(f"the local engine at {url!r} does not take the project {project!r}: {error}",
                              mend="give a project id of 6 to 30 lower case letters, digits and hyphens") from error
        yield ee
    finally:
        ee.Initialize, ee.Authenticate = initialize, authenticate
        ee.Reset()


def run(script: Path, arguments: Sequence[str], url: str, project: str) -> None:
    """Run a script as `python SCRIPT ARGUMENTS` would, with `ee` redirected; what it raises goes on."""
    argv, path = sys.argv, sys.path[0]
    sys.argv, sys.path[0] = [str(script), *arguments], str(script.resolve().parent)
    try:
        with redirected(url, project):
            runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path[0] = argv, path
