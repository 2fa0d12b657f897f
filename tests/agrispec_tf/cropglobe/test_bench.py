"""Benches of transfers: what is kept, and what is made again."""

from dataclasses import replace

import pytest

from agrispec.errors import ConfigError, CorruptRecord, DataError, SchemaMismatch
from agrispec_tf import checkpoint
from agrispec_tf.cropglobe import transfer
from agrispec_tf.cropglobe.bench import Bench, transfers
from agrispec_tf.cropglobe.transfer import Settings
from agrispec_tf.cropglobe.views import WINDOWS

QUICK = Settings(epochs=1, limit=24)
PAIRS = [("FRA", "BEL"), ("FRA", "ARG")]


@pytest.fixture
def bench(globe, tmp_path):
    return Bench(globe, tmp_path, QUICK)


def kept(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()}


def test_runs_that_are_kept_are_not_made_again(bench, globe, tmp_path):
    rows = bench.rows(PAIRS, ["forest", "mlp"], [82])
    assert [(row.model, row.target) for row in rows] == [
        (model, target) for model in ("forest", "mlp") for target in ("BEL", "ARG")]
    before = kept(tmp_path)
    assert sorted(path.name.split("-")[:3] for path in before) == [["forest", "FRA", "82"], ["mlp", "FRA", "82"]]
    assert all(path.suffix == ".json" for path in before)
    assert Bench(globe, tmp_path, QUICK).rows(PAIRS, ["forest", "mlp"], [82]) == rows
    assert kept(tmp_path) == before


def test_a_bench_that_was_stopped_goes_on_where_it_was(bench, globe, tmp_path):
    def stop(done):
        if done.startswith("run 3 of 4"):
            raise KeyboardInterrupt
    seeds = [82, 83, 84, 85]
    with pytest.raises(KeyboardInterrupt):
        bench.rows(PAIRS, ["forest"], seeds, tell=stop)
    before = kept(tmp_path)
    assert len(before) == 2
    rows = Bench(globe, tmp_path, QUICK).rows(PAIRS, ["forest"], seeds)
    after = kept(tmp_path)
    assert [row.seed for row in rows] == sorted(2 * seeds)
    assert len(after) == 4
    assert before.items() <= after.items()


def test_a_new_target_is_added_to_a_run(bench, tmp_path):
    first, = bench.rows(PAIRS[:1], ["forest"], [82])
    again, added = bench.rows(PAIRS, ["forest"], [82])
    assert (again, added.target) == (first, "ARG")
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("other", [replace(QUICK, reference=True), replace(QUICK, limit=30)])
def test_runs_of_other_settings_are_not_taken_for_these(bench, globe, tmp_path, other):
    bench.rows(PAIRS[:1], ["forest"], [82])
    row, = Bench(globe, tmp_path, other).rows(PAIRS[:1], ["forest"], [82])
    assert (row.protocol, row.limit) == (other.protocol, other.limit)
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize("changed", ["FRA", "BEL"])
def test_another_file_is_another_run(tmp_path, simulated_globe, changed):
    for country in ("FRA", "BEL"):
        simulated_globe(tmp_path, country, 40)
    before, = Bench(tmp_path, tmp_path / "kept", Settings()).rows(PAIRS[:1], ["forest"], [82])
    simulated_globe(tmp_path, changed, 60, seed=5)
    row, = Bench(tmp_path, tmp_path / "kept", Settings()).rows(PAIRS[:1], ["forest"], [82])
    assert (row.training_samples, row.samples) != (before.training_samples, before.samples)


def test_a_kept_run_that_is_none_is_named(bench, globe, tmp_path):
    bench.rows(PAIRS[:1], ["forest"], [82])
    path, = kept(tmp_path)
    path.write_text('{"targets": {"BEL": {"file": "x"}}}')
    with pytest.raises(CorruptRecord, match=path.name):
        Bench(globe, tmp_path, QUICK).rows(PAIRS[:1], ["forest"], [82])


def test_a_file_that_is_missing_is_told_before_anything_is_trained(bench, tmp_path):
    with pytest.raises(DataError, match="USA"):
        bench.rows([("FRA", "BEL"), ("FRA", "USA")], ["forest"], [82])
    assert not (tmp_path / "runs").exists()


def test_windows_are_asked_of_series_alone(bench):
    with pytest.raises(ConfigError, match="forest-harmonic reads vectors"):
        bench.rows(PAIRS, ["forest-harmonic"], [82], views=WINDOWS)


def test_without_a_wish_the_published_transfers_are_made_whose_files_are_there():
    assert transfers(("ARG", "BEL", "FRA")) == [("FRA", "BEL"), ("FRA", "ARG")]
    assert transfers(("ARG", "BEL", "FRA"), ["BEL"]) == [("BEL", "ARG"), ("BEL", "FRA")]
    assert transfers(("BEL", "FRA"), [], ["BEL"]) == [("FRA", "BEL")]
    with pytest.raises(DataError, match="BEL"):
        transfers(("BEL",))
    with pytest.raises(ConfigError, match="no country 'FR'"):
        transfers(("BEL",), ["FR"])


@pytest.mark.parametrize("broken", ["one class", "no class in common", "another length"])
def test_files_that_cannot_be_compared_are_told_before_anything_is_trained(tmp_path, simulated_vectors, broken):
    for country, others in (("FRA", {}), ("BEL", {}), ("USA", {
            "one class": {"codes": (3,)}, "no class in common": {"codes": (4, 5)}, "another length": {"shape": (11,)},
            }[broken])):
        simulated_vectors(tmp_path, country, "presto", 40, **others)
    pairs = [("FRA", "BEL"), ("USA", "FRA")]
    with pytest.raises(DataError, match="USA"):
        Bench(tmp_path, tmp_path / "made", QUICK).rows(pairs, ["forest-presto"], [82])
    assert not (tmp_path / "made").exists()


def test_an_mlp_of_vectors_that_was_killed_goes_on_after_its_last_epoch(tmp_path, simulated_vectors, monkeypatch):
    for country in ("FRA", "BEL"):
        simulated_vectors(tmp_path, country, "presto", 60, seed=len(country))
    settings = Settings(epochs=3)
    whole = Bench(tmp_path, tmp_path / "whole", settings).rows(PAIRS[:1], ["mlp-presto"], [82])[0]
    with monkeypatch.context() as stopped:
        write = checkpoint.Checkpoint.write

        def killed(self, path, of):
            write(self, path, of)
            if len(self.history) == 2:
                raise KeyboardInterrupt
        stopped.setattr(checkpoint.Checkpoint, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            Bench(tmp_path, tmp_path / "killed", settings).rows(PAIRS[:1], ["mlp-presto"], [82])
    found, = (tmp_path / "killed" / "runs").glob("*.training")
    begun = []
    monkeypatch.setattr(checkpoint, "restore", lambda *given, kept=checkpoint.restore: begun.append(kept(*given)))
    row, = Bench(tmp_path, tmp_path / "killed", settings).rows(PAIRS[:1], ["mlp-presto"], [82])
    assert len(begun) == 1
    assert replace(row, seconds=0) == replace(whole, seconds=0)
    assert not found.exists()


def test_a_checkpoint_that_cannot_be_gone_on_with_is_named_with_what_to_remove(globe, tmp_path, monkeypatch):
    bench = Bench(globe, tmp_path, QUICK)

    def mismatched(*given):
        raise SchemaMismatch("the checkpoint is of another training", mend="begin anew with --fresh, which discards it")
    monkeypatch.setattr(transfer, "run", mismatched)
    with pytest.raises(SchemaMismatch, match=r"of another training; remove .*mlp-FRA-82-\w+.training, and it is"):
        bench.rows(PAIRS[:1], ["mlp"], [82])
