"""Whatever lies in a run says whose it is; whatever is damaged is named."""

import json

import pytest
from click.testing import CliRunner

import cli
from agrispec.errors import CorruptRecord, SchemaMismatch

ROWS = "shards/2023/E0045N0487-000.tfrecord.gz"


def test_whatever_lies_in_a_run_of_simulated_scenes_says_so(told, run):
    assert told(run.samples)["in run"] == ["run"]
    document = json.loads((run.path / "manifest.json").read_text())
    document["stages"]["export"]["scenes"]["2023"]["simulated"] = 1
    (run.path / "manifest.json").write_text(json.dumps(document))
    assert told(run.path)["run"] == [f"{run.path}, of simulated scenes"]
    for part in (run.samples, run.shards, run.path / ROWS, run.patches):
        assert told(part)["in run"] == ["run, of simulated scenes"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def test_what_is_damaged_is_named_in_a_sentence(told, run):
    shard = run.path / ROWS
    for part, damage in ((shard, cut), (run.samples, cut), (run.shards / "cube.toml", cut),
                         (run.patches / "map-mixer.json", cut)):
        kept = part.read_bytes()
        damage(part)
        told_of = run.path if part == run.samples else part.parent if part.suffix in (".toml", ".json") else part
        with pytest.raises((CorruptRecord, SchemaMismatch)) as raised:
            told(told_of)
        assert str(part if part.suffix != ".json" else run.patches) in str(raised.value)
        part.write_bytes(kept)
    cut(shard)
    done = CliRunner().invoke(cli.main, ["inspect", str(run.shards)], catch_exceptions=False)
    assert done.exit_code == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("agrispec-gee: ")] != []
    assert shard.name in done.stderr


@pytest.mark.parametrize(("name", "content"), [
    ("shards/cube.toml", b"\xff"), ("patches/cube.toml", b"digest = 1\ncube = 2"),
    ("manifest.json", b'{"stages": [1]}'), ("manifest.json", b'{"stages": {"export": 1}}'), ("manifest.json", b"\xff"),
    ("samples.parquet", b""),
    ("truth.parquet", b"PAR1"), (ROWS, b"nothing of the kind")])
def test_whatever_stands_in_a_file_no_traceback_follows(run, name, content):
    (run.path / name).write_bytes(content)
    for at in (run.path / name, (run.path / name).parent):
        done = CliRunner().invoke(cli.main, ["inspect", str(at)])
        assert isinstance(done.exception, SystemExit)
        assert (done.exit_code, done.stderr.count("agrispec-gee: ")) == (1, 1)


def test_what_is_not_there_is_named_with_the_way_to_assets(tmp_path):
    done = CliRunner().invoke(cli.main, ["inspect", str(tmp_path / "projects" / "p")], catch_exceptions=False)
    assert done.exit_code == 1
    assert "there is no" in done.stderr
    assert "--run RUN" in done.stderr
