"""A bucket of Cloud Storage on loopback, answered by the embedded engine through a proxy that fails as networks do."""

import gc
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
def cloud(engine, proxy_of, monkeypatch):
    """The proxy, with the name and the folder of a bucket of the test alone."""
    proxy = proxy_of(engine.url)
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
