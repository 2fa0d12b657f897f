"""A server with buckets, and the real google-cloud-storage client that speaks to it."""

import base64
import hashlib
import http.client

import google_crc32c
import pytest
from google.cloud import storage

from gee_scripts.engine.local.server import LocalServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on an empty folder, a module long."""
    with LocalServer(tmp_path_factory.mktemp("engine"), "agrispec-local") as server:
        yield server


@pytest.fixture
def client(server, monkeypatch):
    """The real client."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    client = storage.Client(project="agrispec-local")
    yield client
    client.close()


@pytest.fixture
def bucket(client, request):
    """A bucket of the test's own."""
    return client.create_bucket("b-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:16])


@pytest.fixture(scope="session")
def stored():
    """(bucket, name, content, options) -> an object, uploaded by the client."""
    def upload(bucket, name, content=b"content", **options):
        blob = bucket.blob(name)
        blob.upload_from_string(content, **options)
        return blob

    return upload


@pytest.fixture(scope="module")
def raw(server):
    """(method, path, body, headers) -> status, headers and content of the server's answer."""
    def ask(method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    return ask


@pytest.fixture(scope="session")
def crc32c():
    """content -> its checksum, as the service writes it."""
    return lambda content: base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
