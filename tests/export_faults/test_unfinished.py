"""An unfinished export is gone on with as it was begun, by one process at a time, or not at all."""

import os
import shutil
import sqlite3
from pathlib import Path

from exports.export import holding

from .conftest import check_whole, command, export


def test_a_second_export_of_a_run_refuses_while_the_first_is_at_it(run):
    with holding.held(run):
        done = export(run)
        assert done.exit_code == 1
        assert f"is being exported already, by process {os.getpid()}" in done.stderr
        assert "at it" in holding.holder(run) + " at it"
    assert holding.holder(run) == ""
    assert export(run, "--probe", "1").exit_code == 0


def test_an_unfinished_export_is_not_begun_anew_by_accident(run, unbroken):
    assert export(run, "--probe", "2").exit_code == 0
    done = export(run)
    assert done.exit_code == 1
    assert "has an unfinished export" in done.stderr
    assert export(run, "--resume").exit_code == 0
    check_whole(run, unbroken)
    done = export(run, "--resume")
    assert done.exit_code == 0
    assert "nothing to go on with" in done.output


def test_an_export_of_another_cube_or_other_classes_is_not_gone_on_with(run):
    assert export(run, "--probe", "1").exit_code == 0
    path = run / "agrispec.toml"
    text = path.read_text()
    path.write_text(text.replace("[season]", "[clear]\nthreshold = 0.5\n[season]"))
    assert "the unfinished export" in export(run, "--resume").stderr
    path.write_text(text.replace("codes = [1]", "codes = [4]"))
    assert "is of classes another one than the configuration has" in export(run, "--resume").stderr
    path.write_text(text.replace("[area]", '[engine]\nbucket = "another"\n[area]'))
    assert "is of bucket 'agrispec-local', the configuration names 'another'" in export(run, "--resume").stderr
    done = command("cancel", run, "--drop")
    assert done.exit_code == 0, done.output
    assert not (run / "exporting").exists()
    assert not [found for found in (run / "landscape" / "buckets").rglob("*") if found.is_file()]
    path.write_text(text)
    assert export(run).exit_code == 0


def test_seasons_of_another_first_day_are_not_mixed(run):
    assert export(run, "--probe", "1").exit_code == 0
    path = run / "agrispec.toml"
    text = path.read_text()
    path.write_text(text.replace("target = 2024", 'target = 2024\nfirst_day = "07-01"'))
    done = export(run, "--resume")
    assert done.exit_code == 1
    assert "is of first day 01-01, the configuration asks for 07-01" in done.stderr


def test_a_copy_of_an_unfinished_run_is_not_exported_beside_it(run, unbroken, tmp_path):
    assert export(run, "--probe", "1").exit_code == 0
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    done = export(copy, "--resume")
    assert done.exit_code == 1
    assert f"is a copy of {run}, whose export is not finished" in done.stderr
    shutil.rmtree(run)
    assert export(copy, "--resume").exit_code == 0
    check_whole(copy, unbroken)


def test_a_ledger_of_another_format_is_refused_and_left_as_it_is(run):
    assert export(run, "--probe", "1").exit_code == 0
    path = run / "exporting" / "ledger.sqlite"
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 0")
    base.close()
    content = path.read_bytes()
    done = export(run, "--resume")
    assert done.exit_code == 1
    assert "is a ledger of format 0, this version keeps format 1; go on with the version that began" in done.stderr
    assert path.read_bytes() == content


def test_a_ledger_that_is_damaged_inside_is_named(run):
    assert export(run, "--probe", "1").exit_code == 0
    path = run / "exporting" / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    for name, *more in (["status"], ["export", "--resume"], ["cancel"]):
        done = command(name, run, *more)
        assert done.exit_code == 1
        assert "ledger.sqlite" in done.stderr
        assert "to begin anew: shards that have come are lost" in done.stderr
