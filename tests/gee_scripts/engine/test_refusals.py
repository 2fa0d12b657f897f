"""What the service answers when it refuses or is not there, in its own wordings, on loopback.

A small relay stands before the embedded engine and answers some requests itself, as the service does.
"""

import http.server
import json
import re
import urllib.error
import urllib.request

import ee
import pytest
from google.auth import credentials as auth_credentials
from google.auth import exceptions as auth_exceptions

from agrispec.errors import AssetMissing, EngineError, EngineUnreachable
from exports import runs
from gee_scripts import export
from gee_scripts.engine.client import Client
from gee_scripts.engine.local.server import LocalServer

HOME = "projects/agrispec-local/assets"


class Relay:
    """Hands requests on; `answers` maps a regular expression of "METHOD path" to (status, message)."""

    def __init__(self, target, listening):
        self.answers = {}
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                for pattern, (status, message) in relay.answers.items():
                    if re.search(pattern, f"{self.command} {self.path}"):
                        content = json.dumps({"error": {"code": status, "message": message}}).encode()
                        return self.reply(status, content)
                request = urllib.request.Request(target + self.path, body or None, method=self.command,
                                                 headers={"Content-Type": "application/json"})
                try:
                    with urllib.request.urlopen(request) as found:
                        self.reply(found.status, found.read())
                except urllib.error.HTTPError as error:
                    with error:
                        self.reply(error.code, error.read())

            do_GET = do_POST = answer

            def reply(self, status, content):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        listener = listening(Handler)
        self.url, self.stop = listener.url, listener.stop


@pytest.fixture
def relay(tiny, listening):
    runs.open(tiny.home)
    with LocalServer(tiny.home / "landscape", "agrispec-local") as server:
        yield Relay(server.url, listening)


@pytest.fixture
def engine(relay):
    ee.Initialize(credentials=auth_credentials.AnonymousCredentials(), url=relay.url, project="agrispec-local")
    # The client's own patience: it sleeps for up to a minute.
    ee.data.setMaxRetries(0)
    yield Client(name="cloud", project="agrispec-local", buckets=None)
    ee.data.setMaxRetries(5)
    ee.Reset()


@pytest.mark.parametrize(("status", "wording"), [
    (404, "Asset '{id}' does not exist or doesn't allow this operation."),
    (404, "Requested entity is unknown."),
    (403, "Asset '{id}' does not exist or doesn't allow this operation."),
    (404, "Asset '{id}' not found."),
    (403, "Permission 'earthengine.assets.get' denied on resource '{id}' (or it may not exist)."),
])
def test_a_missing_asset_is_none_whatever_the_service_calls_it(engine, relay, status, wording):
    relay.answers["GET .*/assets/new"] = (status, wording.format(id=f"{HOME}/new"))
    assert engine.asset(f"{HOME}/new") is None


def test_a_new_folder_is_made_where_the_service_says_that_it_does_not_exist(engine, relay):
    folder = f"{HOME}/asked/twice"
    wording = f"Asset '{HOME}/asked' does not exist or doesn't allow this operation."
    relay.answers["GET .*/assets/asked"] = (404, wording)
    engine.create_folder(folder)
    relay.answers.clear()
    assert engine.asset(folder)["type"] == "FOLDER"


@pytest.mark.parametrize("wording", [
    "Image.load: Image asset 'x/y' not found (does not exist or caller does not have access).",
    "Collection.loadTable: Collection asset 'x/y' not found.",
])
def test_a_graph_over_a_missing_asset_says_so(engine, relay, wording):
    relay.answers["POST .*value:compute"] = (400, wording)
    with pytest.raises(AssetMissing, match="x/y"):
        engine.compute(export.expression(ee.Number(1)))


@pytest.mark.parametrize(("status", "wording"), [
    (403, "Caller does not have required permission to use project agrispec-local."),
    (403, "Permission 'earthengine.computations.create' denied on resource 'projects/p' (or it may not exist)."),
    (404, "Operation 'operations/1' not found."),
    (400, "Dictionary.get: Dictionary does not contain key: 'a'."),
])
def test_a_refusal_that_is_about_no_asset_is_a_refusal(engine, relay, status, wording):
    relay.answers["POST .*value:compute"] = (status, wording)
    with pytest.raises(EngineError, match=re.escape(wording.rstrip("."))) as refused:
        engine.compute(export.expression(ee.Number(1)))
    assert type(refused.value) is EngineError


def test_an_asset_that_may_not_be_asked_for_is_a_refusal(engine, relay):
    relay.answers["GET .*/assets/"] = (403, "Earth Engine API has not been used in project 1 before or it is disabled.")
    with pytest.raises(EngineError, match="has not been used in project"):
        engine.asset(f"{HOME}/new")


def test_a_permission_that_lacks_is_told_with_a_role_that_has_it(engine, relay):
    relay.answers["POST .*image:import"] = (403, "Caller does not have required permission to use project p.")
    with pytest.raises(EngineError, match="required permission.*Earth Engine Resource Writer"):
        engine.ingest_image({"name": f"{HOME}/new"})


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_engine_that_is_overloaded_is_unreachable(engine, relay, status):
    relay.answers["GET .*/operations/"] = (status, "The service is currently unavailable.")
    with pytest.raises(EngineUnreachable, match="currently unavailable; run the command again"):
        engine.operation("projects/agrispec-local/operations/1")


def test_an_engine_that_has_stopped_is_unreachable(engine, relay):
    relay.stop()
    with pytest.raises(EngineUnreachable, match="check the network"):
        engine.operation("projects/agrispec-local/operations/1")
    with pytest.raises(EngineUnreachable):
        engine.compute(export.expression(ee.Number(1)))
    with pytest.raises(EngineUnreachable):
        engine.asset(f"{HOME}/new")


class Expiring(auth_credentials.AnonymousCredentials):
    """Credentials that can be refused from some moment on."""

    refusal = None

    def before_request(self, *arguments):
        if self.refusal is not None:
            raise self.refusal


@pytest.mark.parametrize(("refusal", "expected", "mend"), [
    (auth_exceptions.RefreshError("invalid_grant: Token has been expired or revoked."), EngineError, "sign in"),
    (auth_exceptions.RefreshError("the token server is busy", retryable=True), EngineUnreachable, "check the network"),
    (auth_exceptions.TransportError("no route to oauth2.googleapis.com"), EngineUnreachable, "check the network"),
])
def test_credentials_that_are_not_renewed_say_whether_to_sign_in(relay, refusal, expected, mend):
    credentials = Expiring()
    ee.Initialize(credentials=credentials, url=relay.url, project="agrispec-local")
    ee.data.setMaxRetries(0)
    try:
        credentials.refusal = refusal
        with pytest.raises(expected, match=mend) as refused:
            Client(name="cloud", project="agrispec-local", buckets=None).compute(export.expression(ee.Number(1)))
        assert type(refused.value) is expected
    finally:
        ee.data.setMaxRetries(5)
        ee.Reset()
