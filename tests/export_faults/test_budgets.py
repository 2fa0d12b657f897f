"""A probe tells what an export will cost, and a budget stops it."""

import numpy as np

from exports import manifest, samples
from exports.export import ledger

from .conftest import PLANNED, check_whole, export, read


def test_a_probe_is_a_part_of_the_export_and_its_estimate_is_kept(run, unbroken):
    done = export(run, "--probe", "3")
    assert done.exit_code == 0, done.output
    assert "3 shards took" in done.output
    assert "90% interval" in done.output
    assert export(run, "--resume").exit_code == 0
    check_whole(run, unbroken)
    did = manifest.read(run)["stages"]["export"]
    [estimate] = did["estimates"]
    assert estimate["shards"] == 3
    assert 0 < estimate["used"] < estimate["total"] <= estimate["high"]
    assert did["tasks"] == PLANNED / 20
    assert did["eecu_seconds"] > estimate["used"]


def test_a_budget_stops_the_export_and_a_larger_one_goes_on(run, unbroken):
    done = export(run, "--budget-eecu-h", "0")
    assert done.exit_code == 2
    assert "a budget of 0 EECU-hours pays for nothing; give --budget-eecu-h more than 0" in done.stderr
    assert export(run, "--probe", "3").exit_code == 0
    done = export(run, "--resume", "--budget-eecu-h", "0.00001")
    assert done.exit_code == 1
    assert "more than the budget of" in done.stderr
    assert export(run, "--resume", "--budget-eecu-h", "1").exit_code == 0
    check_whole(run, unbroken)


def test_a_budget_that_runs_out_on_the_way_keeps_what_came(run, unbroken):
    done = export(run, "--budget-eecu-h", "0.00001")
    assert done.exit_code == 1
    assert "of the budget of" in done.stderr
    with ledger.Ledger(run / "exporting" / "ledger.sqlite") as kept:
        states = [entry.state for entry in kept.entries()]
    assert 1 <= states.count(ledger.State.RECEIVED) <= 3
    assert export(run, "--resume").exit_code == 0
    check_whole(run, unbroken)


def test_what_a_budget_does_not_reach_is_left_out_only_when_told_to(run, unbroken):
    assert export(run, "--probe", "3").exit_code == 0
    done = export(run, "--resume", "--accept-missing", "--budget-eecu-h", "0.00001")
    assert done.exit_code == 0, done.output
    assert "200 samples are left out" in done.stderr
    assert "of the budget of 0.036 EECU-s are used" in done.stderr
    found = read(run)
    kept = np.isin(unbroken.rows, found.rows)
    assert kept.sum() == 60
    np.testing.assert_array_equal(found.rows, samples.read(run / "samples.parquet")["row"])
    np.testing.assert_array_equal(found.values, unbroken.values[kept])
    assert manifest.read(run)["stages"]["export"]["missing"]["samples"] == 200
