"""What is typed: the plan that is printed, what was compared, and a process that was killed."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from exports import manifest

ROOT = Path(__file__).parents[3]
FOLDER = "projects/agrispec-local/assets/maps"


@pytest.fixture
def run(made, tmp_path):
    """A run of a test alone, whose engine nobody has opened."""
    return Path(shutil.copytree(made, tmp_path / made.name))


def publish(run, *options, code=0):
    done = CliRunner().invoke(cli.main, ["publish", str(run), *options])
    assert done.exit_code == code, done.output
    return done


def test_a_dry_run_prints_what_a_run_would_write_and_writes_nothing(run):
    before = sorted(path for path in (run / "landscape" / "assets").rglob("*"))
    first, *assets, last = publish(run, "--route", "cog", "--dry-run").stdout.splitlines()
    assert first == ("Map of 2024 by forest, of simulated scenes; version 1, new images by route cog through gs://agrispec-local"
                     " (a folder on this machine)")
    sizes = {path.stem: path.stat().st_size for path in (run / "predictions").iterdir()}
    assert [line.split() for line in assets] == [
        [f"{FOLDER}/west_2024_{name}_v1", f"{sizes[name]:,}", "bytes", kind, "new"] for name, kind in
        [("class", "MODE"), ("probability", "MEAN"), ("confident", "MODE"), ("looks", "MEAN"), ("parcels", "table")]]
    kept = sum(size for name, size in sizes.items() if name in ("class", "probability", "confident", "looks"))
    assert last == (f"5 assets would be written, {sizes['parcels']:,} bytes, and {kept:,} bytes would stay in the"
                    " bucket; nothing was")
    assert publish(run, "--dry-run").stdout.splitlines()[-1] == (
        f"5 assets would be written, {kept + sizes['parcels']:,} bytes; nothing was")
    assert sorted(path for path in (run / "landscape" / "assets").rglob("*")) == before
    assert "publish" not in manifest.read(run)["stages"]


def test_what_was_compared_is_printed_and_kept_in_the_manifest(run):
    assert publish(run).stdout.splitlines()[0] == f"{FOLDER}/west_2024_class_v1: 5,810 compared, all equal"
    again = publish(run).stdout.splitlines()
    assert again[-1] == f"{FOLDER}/west_2024_parcels_v1: 3 compared, all equal (it was there, and stays as it was)"
    stage = manifest.read(run)["stages"]["publish"]
    assert (stage["version"], stage["new"]) == (1, [])
    states = {line.split(maxsplit=4)[-1] for line in publish(run, "--dry-run").stdout.splitlines()[1:-1]}
    assert states == {"there already, stays as it is"}


def test_readers_are_told_before_they_are_let_in(run):
    with (run / "agrispec.toml").open("a") as file:
        file.write('[publish]\nreaders = ["group:farm@example.org"]\npublic = true\n')
    assert "They may be read by group:farm@example.org, allUsers" in publish(run, "--dry-run").stdout


def test_a_damaged_image_is_one_line_without_a_traceback(run):
    (run / "predictions" / "looks.tif").write_bytes(b"II*\0")
    done = publish(run, code=1)
    assert done.stderr.splitlines()[-1].startswith("agrispec-gee: ")
    assert "looks.tif" in done.stderr


@pytest.mark.parametrize("route", ["geotiff", "tfrecord", "cog"])
def test_a_killed_publication_goes_on_and_holds_everything_once(run, route):
    command = [sys.executable, "-m", "cli", "publish", str(run), "--route", route]
    folder = run / "landscape" / "assets" / FOLDER
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while not list(folder.glob("*_v1.json")) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert "publish" not in manifest.read(run)["stages"]
    lines = publish(run, "--route", route).stdout.splitlines()
    assert len(lines) == 5
    assert all("_v1: " in line and "all equal" in line for line in lines)
    assert lines[0].endswith("(it was there, and stays as it was)")
    assert len(list(folder.glob("*_v*.json"))) == 5
    left = [path for path in (run / "landscape" / "buckets").rglob("*") if path.is_file()]
    assert len(left) == (4 if route == "cog" else 0)
