"""A bucket of Cloud Storage on loopback, answered by the embedded engine through a proxy that fails as networks do."""

import gc
import http.client
import http.server
import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from google.auth.credentials import Credentials
from google.cloud.storage import retry

from exports import storage
from gee_scripts.engine.local.server import LocalServer

MIB = 2**20


@dataclass
class Fault:
    """What happens to the next `times` requests whose line matches."""

    line: str
    kind: str  # a status; or "cut" or "spoil" the request, "lose" or "break" or "damage" the answer
    times: int = 1
    body: object = None  # of the answer with that status, or what to do before it


class Proxy:
    """Passes requests on to `url` and answers back, but for `faults`; keeps the lines and tokens it saw."""

    def __init__(self, url, listening):
        self.faults, self.lines, self.tokens = [], [], set()
        proxy, host = self, url.removeprefix("http://")

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                line = f"{self.command} {self.path}"
                proxy.lines.append(line)
                proxy.tokens.add(self.headers.get("Authorization"))
                fault = next((each for each in proxy.faults if each.times and re.search(each.line, line)), None)
                kind = None
                if fault:
                    fault.times -= 1
                    kind = fault.kind
                length = int(self.headers.get("Content-Length", 0))
                headers = {**dict(self.headers.items()), "Host": host}
                upstream = http.client.HTTPConnection(host, timeout=30)
                if kind == "cut":
                    # Half of the content gets through before both connections break.
                    upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for key, value in headers.items():
                        upstream.putheader(key, value)
                    upstream.endheaders(self.rfile.read(length // 2))
                    upstream.close()
                    self.close_connection = True
                    return
                content = self.rfile.read(length)
                if kind and kind.isdigit():
                    told = fault.body() if callable(fault.body) else fault.body
                    body = told if isinstance(told, dict) else {"error": {"code": int(kind), "message": "told to fail"}}
                    self.reply(int(kind), {}, json.dumps(body).encode())
                    return
                if kind == "spoil":
                    middle = length // 2
                    content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:]
                upstream.request(self.command, self.path, content, headers)
                response = upstream.getresponse()
                answer = response.read()
                upstream.close()
                if kind == "lose":
                    self.close_connection = True
                    return
                if "json" in response.headers.get("Content-Type", ""):
                    answer = answer.replace(url.encode(), proxy.url.encode())
                if kind == "damage":
                    answer = answer[::-1]
                passed = {key: value.replace(url, proxy.url) for key, value in response.headers.items()
                          if key.lower() not in ("content-length", "connection", "date", "server")}
                self.reply(response.status, passed, answer, len(answer) // 2 if kind == "break" else None)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

            def reply(self, status, headers, content, sent=None):
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:sent])
                self.close_connection = sent is not None or self.close_connection

        listener = listening(Handler)
        self.url, self.stop = listener.url, listener.stop

    def fail(self, line, kind, times=1, body=None):
        self.faults.append(Fault(line, kind, times, body))

    def count(self, line):
        return sum(bool(re.search(line, each)) for each in self.lines)


class Account(Credentials):
    """Credentials with a token at hand, or with a refusal."""

    refusal = None

    def refresh(self, request):
        if self.refusal:
            raise self.refusal
        self.token = "of-the-key"


@dataclass(frozen=True)
class Service:
    """As much of an engine as a bucket is opened with."""

    credentials: object | None
    buckets: Path | None = None
    project: str = "agrispec-local"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with LocalServer(tmp_path_factory.mktemp("engine"), "agrispec-local") as server:
        yield server


@pytest.fixture
def cloud(engine, listening, monkeypatch):
    """The proxy, with the name and the folder of a bucket of the test alone."""
    proxy = Proxy(engine.url, listening)
    proxy.bucket = f"mine-{uuid.uuid4().hex}"
    proxy.folder = engine.root / "buckets" / proxy.bucket
    proxy.folder.mkdir(parents=True)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
    # As many attempts, without the seconds between them.
    for name, value in {"_initial": 0.01, "_maximum": 0.05, "_timeout": 20.0}.items():
        monkeypatch.setattr(retry.DEFAULT_RETRY, name, value)
    yield proxy
    proxy.stop()
    gc.collect()


@pytest.fixture(params=["folder", "cloud"])
def bucket(request, tmp_path):
    if request.param == "folder":
        return storage.open(Service(None, tmp_path / "buckets"), "mine")
    return request.getfixturevalue("mine")


@pytest.fixture
def account():
    """Whose credentials `opened` speaks with."""
    return Account()


@pytest.fixture
def opened(cloud, account):
    """Bucket -> what `exports.storage` makes of it, through the proxy."""
    return lambda name, credentials=account: storage.open(Service(credentials), name)


@pytest.fixture
def mine(cloud, opened):
    """The bucket of this test."""
    return opened(cloud.bucket)


@pytest.fixture
def file_of(tmp_path):
    """(name, size) -> a file of random bytes."""
    def make(name, size):
        path = tmp_path / name
        path.write_bytes(np.random.default_rng(size).bytes(size))
        return path

    return make


@pytest.fixture
def source(file_of):
    return file_of("a.bin", 10_000)


@pytest.fixture
def large(file_of):
    """Three pieces of a resumable upload, the last one not whole."""
    return file_of("large.bin", 20 * MIB + 12_345)


@pytest.fixture
def unfinished(engine):
    """What the engine holds of uploads that did not end, when called."""
    return lambda: list((engine.root / "buckets").rglob("*.part"))


@pytest.fixture
def calls_of(source, tmp_path):
    """Bucket -> one call of each kind."""
    return lambda bucket: (bucket.check, lambda: bucket.list(""),
                           lambda: bucket.download("a", tmp_path / "out" / "b"),
                           lambda: bucket.upload(source, "a"), lambda: bucket.delete("a/"))
