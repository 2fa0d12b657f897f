"""Looks at an engine: what works passes, what does not is told with its mend, and nothing is raised.

The account's key names a token server on loopback, the endpoint is the embedded engine, Cloud Monitoring is a small
server.
"""

import http.server
import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import resources

import ee
import google.auth.compute_engine
import google.oauth2.credentials
import pytest

from agrispec import config
from agrispec.config import Service
from agrispec.errors import EngineError
from agrispec.health import State
from gee_scripts import engine as engines
from gee_scripts.engine import cloud, health, usage
from gee_scripts.engine.health import Tried
from gee_scripts.engine.local.assets.tree import Assets
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.operations import OperationRoutes
from gee_scripts.engine.local.server import LocalServer

PROJECT = "my-project"


@pytest.fixture
def monitoring(listening, monkeypatch):
    """Cloud Monitoring where `used` EECU-hours are counted, or nothing may be read where that is None."""
    class Monitoring(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            used = server.used
            answer = {"error": {"message": "Permission monitoring.timeSeries.list denied"}} if used is None else \
                {"timeSeries": [{"points": [{"value": {"doubleValue": 3600.0 * used}}]}]}
            self.send_response(403 if used is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    server = listening(Monitoring)
    server.used = 12.25
    monkeypatch.setattr(usage, "MONITORING", server.url)
    return server


@pytest.fixture
def registration(monkeypatch):
    """What the engine says of its project otherwise than usual."""
    told, plain = {}, OperationRoutes._get_config
    monkeypatch.setattr(OperationRoutes, "_get_config", lambda self, call: plain(self, call) | told)
    return told


@pytest.fixture
def look(tmp_path, key_file, monitoring, registration, monkeypatch):
    """(check, settings) -> what it finds of a Cloud project that the embedded engine stands for."""
    with LocalServer(tmp_path / "landscape", PROJECT) as server:
        monkeypatch.setattr(cloud, "HIGH_VOLUME", server.url)

        def looked(check, **settings):
            service = Service(**{"name": "cloud", "project": PROJECT, "service_account_key": key_file.name} | settings)
            with health.tried(service, tmp_path) as tried:
                return check(tried)

        yield looked


@pytest.fixture
def embedded(tmp_path):
    """check -> what it finds of an embedded engine."""
    def looked(check):
        with health.tried(Service(landscape="."), tmp_path) as tried:
            return check(tried)

    return looked


CHECKS = (health.project, health.credentials, health.tier, health.asset_root, health.clock)


@pytest.mark.parametrize("check", CHECKS)
def test_all_passes_where_all_is_in_place(look, embedded, check):
    for found in (look(check), embedded(check)):
        assert (found.state, found.mend) == (State.PASS, ""), found.said


@pytest.mark.parametrize("check", CHECKS)
def test_no_look_raises_where_the_engine_does_not_open(look, tmp_path, monkeypatch, check):
    # The account is accepted, and behind the endpoint there is nobody.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(cloud, "HIGH_VOLUME", f"http://127.0.0.1:{free.getsockname()[1]}")
    found = look(check)
    assert found.state == {health.project: State.FAIL, health.credentials: State.PASS}.get(check, State.WARNING)
    assert not ee.data.is_initialized()
    with health.tried(Service(landscape="nothing"), tmp_path) as tried:
        expected = {health.project: State.FAIL, health.asset_root: State.WARNING}
        assert check(tried).state == expected.get(check, State.PASS)


def test_few_retries_are_set_for_these_looks_only(look, tmp_path, monkeypatch):
    def interrupted(service, home):
        raise KeyboardInterrupt

    ee.data.setMaxRetries(7)
    try:
        # Opened and closed, not opened, interrupted.
        assert look(lambda tried: ee.data._get_state().max_retries) == 1
        assert ee.data._get_state().max_retries == 7
        with health.tried(Service(landscape="nothing"), tmp_path):
            assert ee.data._get_state().max_retries == 1
        assert ee.data._get_state().max_retries == 7
        monkeypatch.setattr(engines, "open", interrupted)
        with pytest.raises(KeyboardInterrupt), health.tried(Service(), tmp_path):
            pass
        assert ee.data._get_state().max_retries == 7
    finally:
        ee.data.setMaxRetries(5)


@pytest.mark.parametrize(("state", "how", "said"), [
    ("REGISTERED_NOT_COMMERCIALLY", State.PASS, "registered for noncommercial use"),
    ("REGISTERED_COMMERCIALLY", State.PASS, "registered for commercial use"),
    ("NOT_REGISTERED", State.FAIL, "not registered for Earth Engine"),
    ("REGISTRATION_STATE_UNSPECIFIED", State.WARNING, "not registered for Earth Engine"),
])
def test_the_registration_of_the_project_is_told(look, registration, state, how, said):
    registration["registrationState"] = state
    found = look(health.project)
    assert found.state == how
    assert said in found.said
    assert found.mend == ("" if how == State.PASS else
                          f"register it at https://console.cloud.google.com/earth-engine/configuration?project={PROJECT}")


def test_a_project_that_nobody_has_set_fails(look):
    starter = config.parse(resources.files("exports").joinpath("starter.toml").read_text(encoding="utf-8"))
    for project in (Service().project, starter.engine.project):
        found = look(health.project, project=project)
        assert found.state == State.FAIL
        assert found.mend.startswith("set [engine] project")


def test_whose_credentials_they_are_is_told(look, token_server):
    found = look(health.credentials)
    assert "a service account, tester@agrispec-local.iam.gserviceaccount.com: they got a new token, good until" \
        in found.said
    assert token_server.asked
    user = google.oauth2.credentials.Credentials("token", account="me@example.org")
    machine = google.auth.compute_engine.Credentials()
    for account, said in ((user, "of a user, me@example.org"), (machine, "of this machine's service account, default")):
        tried = Tried(service=Service(name="cloud"), account=account, client=EngineError("none", mend="none"))
        assert said in health.credentials(tried).said


@pytest.mark.parametrize("check", CHECKS)
def test_credentials_that_are_refused_fail_and_the_looks_that_need_them_say_so(look, token_server, check):
    token_server.status = 400
    found = look(check)
    if check is health.credentials:
        assert found.state == State.FAIL
        assert "not accepted" in found.said
        assert "Account has been deleted" in found.said
        assert found.mend.startswith("sign in with: gcloud auth application-default login")
    elif check is not health.clock:
        assert found.state == State.WARNING
        assert found.said.startswith("not looked at: ")


def test_credentials_that_are_not_there_fail(look, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    found = look(health.credentials, service_account_key="")
    assert found.state == State.FAIL
    assert "gcloud auth application-default login" in found.mend
    assert look(health.credentials, service_account_key="none.json").mend.startswith("set [engine] service_account_key")


@pytest.mark.parametrize(("tier", "used", "how", "said"), [
    ("community", 12.25, State.PASS, "community, 150 EECU-hours a month: 12.2 EECU-hours used, 137.8 left"),
    ("contributor", 0.0, State.PASS, "contributor, 1,000 EECU-hours a month: 0.0 EECU-hours used, 1,000.0 left"),
    ("community", 150.0, State.WARNING, "Earth Engine restricts the project"),
    ("paid", 150.0, State.PASS, "paid, no monthly limit: 150.0 EECU-hours used"),
    ("community", None, State.WARNING, "monitoring.timeSeries.list denied"),
])
def test_the_months_compute_is_told(look, monitoring, tier, used, how, said):
    monitoring.used = used
    found = look(health.tier, tier=tier)
    assert found.state == how
    assert said in found.said
    assert bool(found.mend) == (how != State.PASS)


def test_looking_at_the_assets_leaves_nothing_behind_and_tells_how_full_they_are(look, tmp_path):
    found = look(health.asset_root)
    assert "projects/my-project/assets can be written: 0 of 10,000 assets, 0.0 of 250 GiB" in found.said
    assert not [path for path in tmp_path.rglob("*") if "doctor" in path.name]


def test_assets_that_may_not_be_written_fail(look, monkeypatch):
    def refuse(*words):
        raise Refusal(403, "Permission 'earthengine.assets.create' denied on resource 'projects/my-project'.")

    monkeypatch.setattr(Assets, "create", refuse)
    found = look(health.asset_root)
    assert found.state == State.FAIL
    assert "cannot be written (Earth Engine answered: Permission 'earthengine.assets.create' denied" in found.said
    assert "roles/earthengine.writer" in found.mend


def test_a_root_that_does_not_tell_its_quota_passes(look, monkeypatch):
    plain = Assets.get
    monkeypatch.setattr(Assets, "get", lambda self, name: {key: value for key, value in plain(self, name).items()
                                                           if key != "quota"})
    found = look(health.asset_root)
    assert (found.state, found.said) == (State.PASS, "projects/my-project/assets can be written")


@pytest.mark.parametrize(("off", "how", "said"), [
    (timedelta(hours=1), State.FAIL, "60 minutes behind"), (timedelta(hours=-1), State.FAIL, "60 minutes ahead"),
    (timedelta(minutes=6), State.FAIL, "6 minutes behind"), (timedelta(minutes=4), State.PASS, "s off"),
    (None, State.WARNING, "not looked at: "),
])
def test_a_clock_that_is_off_fails(listening, monkeypatch, off, how, said):
    class Clock(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response_only(404)
            if off is not None:
                self.send_header("Date", format_datetime(datetime.now(UTC) + off, usegmt=True))
            self.end_headers()

    monkeypatch.setattr(cloud, "HIGH_VOLUME", listening(Clock).url)
    none = EngineError("none", mend="none")
    found = health.clock(Tried(service=Service(name="cloud"), account=none, client=none))
    assert found.state == how
    assert said in found.said


def test_an_embedded_engine_that_is_not_installed_is_one_finding(tmp_path, monkeypatch):
    def missing(service, home):
        raise ModuleNotFoundError("No module named 'rasterio'", name="rasterio")

    monkeypatch.setattr(engines, "open", missing)
    with health.tried(Service(), tmp_path) as tried:
        found = health.project(tried)
    assert found.state == State.FAIL
    assert str(found) == ("rasterio, which the embedded engine needs, is not installed;"
                          " install it with: pip install 'agrispec-gee[local]'")
