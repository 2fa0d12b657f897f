"""Cubes that come by requests instead of tasks."""

from .conftest import check_whole, export


def test_an_export_begun_by_tasks_ends_by_requests(run, unbroken):
    assert export(run, "--probe", "3").exit_code == 0
    assert export(run, "--resume", "--route", "interactive").exit_code == 0
    check_whole(run, unbroken)


def test_what_interactive_requests_cost_cannot_be_probed_or_bounded(run):
    for more in (["--probe", "1"], ["--budget-eecu-h", "1"]):
        done = export(run, "--route", "interactive", *more)
        assert done.exit_code == 2
        assert "does not tell what interactive requests cost" in done.stderr
    done = export(run, "--route", "interactive", "--priority", "7")
    assert done.exit_code == 2
    assert "interactive requests have no priority" in done.stderr


def test_the_interactive_route_needs_no_bucket(run, unbroken):
    (run / "landscape" / "buckets").write_text("no folder")
    assert export(run).exit_code == 1
    assert export(run, "--route", "interactive").exit_code == 0
    (run / "landscape" / "buckets").unlink()
    check_whole(run, unbroken)
