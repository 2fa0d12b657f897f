"""The way to the service, walked as far as loopback reaches: credentials, project, endpoint, workload tag.

A service account's key names its own token server; here that is a small server on loopback, and the endpoint
is the embedded engine. So the real credentials code and the real client run, and only Google does not.
"""

import json
import socket

import ee
import pytest

from agrispec.config import Service
from agrispec.errors import ConfigError, EngineError, EngineUnreachable
from gee_scripts import engine as engines
from gee_scripts import export
from gee_scripts.engine import cloud
from gee_scripts.engine.local.server import LocalServer


def test_a_service_account_signs_in_and_its_graphs_are_computed(tmp_path, token_server, key_file, tiny, monkeypatch):
    with LocalServer(tiny.home / "landscape", "agrispec-local") as server:
        monkeypatch.setattr(cloud, "HIGH_VOLUME", server.url)
        service = Service(name="cloud", project="agrispec-local", service_account_key=key_file.name)
        engine = engines.open(service, tmp_path)
        try:
            assert engine.compute(export.expression(ee.Number(6).multiply(7))) == 42
            assert (engine.name, engine.project, engine.buckets) == ("cloud", "agrispec-local", None)
            account = json.loads(key_file.read_text())["client_email"]
            assert engine.credentials.service_account_email == account, "buckets are opened as the same account"
            assert ee.data.getWorkloadTag() == cloud.workload_tag(tmp_path)
        finally:
            engine.close()
            ee.data.setDefaultWorkloadTag(None)
    assert token_server.asked[0]["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


@pytest.mark.parametrize(("name", "tag"), [
    ("mine", "agrispec-gee-mine"), ("Île-de-France 2024!", "agrispec-gee-le-de-france-2024"), ("!", "agrispec-gee"),
    ("a" * 99, "agrispec-gee-" + "a" * 50), ("x" * 49 + "--y", "agrispec-gee-" + "x" * 49)])
def test_a_run_has_a_workload_tag_that_the_client_takes(tmp_path, name, tag):
    assert cloud.workload_tag(tmp_path / name) == tag
    try:
        ee.data.setDefaultWorkloadTag(tag)
    finally:
        ee.data.setDefaultWorkloadTag(None)


def test_a_key_file_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(ConfigError, match=r"key 'key\.json' is not there"):
        engines.open(Service(name="cloud", project="agrispec-local", service_account_key="key.json"), tmp_path)


@pytest.mark.parametrize(("content", "found"), [
    ("-----BEGIN PRIVATE KEY-----", "Expecting value"), ("", "Expecting value"), ("[1, 2]", "no attribute"),
    ("{}", "missing fields"), (b"\xff\xfe", "codec"),
    ('{"type": "authorized_user", "client_id": "1"}', "missing fields"),
    ('{"client_email": "a@b", "token_uri": "http://127.0.0.1/", "private_key": "none"}', "PEM"),
])
def test_a_key_file_that_is_no_key_is_a_usage_error_that_names_it(tmp_path, content, found):
    (tmp_path / "key.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=r"'key\.json' is not a service account's key") as refused:
        engines.open(Service(name="cloud", project="agrispec-local", service_account_key="key.json"), tmp_path)
    assert found in str(refused.value)


def test_a_service_that_does_not_answer_is_unreachable(tmp_path, key_file, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(cloud, "HIGH_VOLUME", f"http://127.0.0.1:{free.getsockname()[1]}")
    monkeypatch.setattr(ee.data._get_state(), "max_retries", 0)
    with pytest.raises(EngineUnreachable, match="check the network"):
        engines.open(Service(name="cloud", project="agrispec-local", service_account_key="key.json"), tmp_path)
    ee.data.setDefaultWorkloadTag(None)


def test_without_credentials_the_mend_is_to_sign_in(tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(EngineError, match="gcloud auth application-default login"):
        engines.open(Service(name="cloud", project="agrispec-local"), tmp_path)


def test_the_endpoint_is_the_high_volume_one():
    assert cloud.HIGH_VOLUME == "https://earthengine-highvolume.googleapis.com"
