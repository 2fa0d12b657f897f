"""A folder and a bucket of Cloud Storage behave alike: names in order, files whole or absent, nothing overwritten.

The bucket is spoken to by the real client. The embedded engine answers it as Cloud Storage does; between them stands
a loopback proxy that fails as networks and services do.
"""

import gc
import http.client
import http.server
import json
import re
import threading
import tracemalloc
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import Credentials
from google.cloud.storage import retry

from agrispec.errors import StorageError
from exports import storage
from exports.storage import Folder
from gee_scripts.engine.local.server import LocalServer

# The client leaves the answers that it gives up on to the garbage collector, and their sockets with them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

ALL = {"storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"}
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

    def __init__(self, url):
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

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def fail(self, line, kind, times=1, body=None):
        self.faults.append(Fault(line, kind, times, body))

    def count(self, line):
        return sum(bool(re.search(line, each)) for each in self.lines)

    def stop(self):
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


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
def cloud(engine, monkeypatch):
    proxy = Proxy(engine.url)
    # A bucket of this test alone.
    proxy.bucket = f"mine-{uuid.uuid4().hex}"
    proxy.folder = _made(engine.root / "buckets" / proxy.bucket)
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
def mine(cloud):
    return storage.open(Service(Account()), cloud.bucket)


@pytest.fixture
def source(tmp_path):
    return _file(tmp_path / "a.bin", 10_000)


@pytest.fixture
def large(tmp_path):
    """Three pieces of a resumable upload, the last one not whole."""
    return _file(tmp_path / "large.bin", 20 * MIB + 12_345)


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _file(path, size):
    path.write_bytes(np.random.default_rng(size).bytes(size))
    return path


def _left(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _unfinished(engine):
    return [path for path in (engine.root / "buckets").rglob("*.part")]


def test_what_is_uploaded_is_listed_and_downloaded(bucket, source, tmp_path):
    bucket.check()
    assert bucket.list("") == []
    assert re.fullmatch("gs://mine[^/]*/maps/x/a.bin", bucket.upload(source, "maps/x/a.bin"))
    bucket.upload(source, "maps/b.bin")
    bucket.upload(source, "other/c.bin")
    assert bucket.list("maps/") == ["maps/b.bin", "maps/x/a.bin"]
    assert bucket.list("maps/x") == ["maps/x/a.bin"]
    bucket.download("maps/x/a.bin", tmp_path / "back" / "a.bin")
    assert (tmp_path / "back" / "a.bin").read_bytes() == source.read_bytes()


def test_an_empty_file_arrives(bucket, tmp_path):
    (tmp_path / "empty").touch()
    bucket.upload(tmp_path / "empty", "empty")
    bucket.download("empty", tmp_path / "back" / "empty")
    assert (tmp_path / "back" / "empty").read_bytes() == b""


def test_a_missing_object_leaves_no_file(bucket, tmp_path):
    with pytest.raises(StorageError):
        bucket.download("nothing", tmp_path / "out" / "x")
    assert not list((tmp_path / "out").iterdir())


def test_a_missing_file_is_an_error_and_leaves_no_object(bucket, tmp_path):
    with pytest.raises(StorageError):
        bucket.upload(tmp_path / "nothing", "a/b")
    assert bucket.list("") == []


def test_an_object_is_never_overwritten_by_another_one(bucket, source, tmp_path):
    bucket.upload(source, "a/1")
    with pytest.raises(StorageError, match=r"gs://mine.*/a/1 is there already, with another content; delete or rename"):
        bucket.upload(_file(tmp_path / "other", 10), "a/1")
    bucket.download("a/1", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_uploading_the_same_again_changes_nothing(bucket, source):
    assert bucket.upload(source, "a/1") == bucket.upload(source, "a/1")
    assert bucket.list("") == ["a/1"]


def test_of_many_who_upload_one_name_at_once_one_wins_and_the_others_are_told(bucket, tmp_path):
    files = [_file(tmp_path / f"{size}", size) for size in range(1000, 1008)]
    told = []

    def upload(path):
        try:
            bucket.upload(path, "a/1")
        except StorageError as error:
            told.append((path, str(error)))

    threads = [threading.Thread(target=upload, args=(path,)) for path in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("is there already" in words for _, words in told)
    [winner] = set(files) - {path for path, _ in told}
    bucket.download("a/1", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == winner.read_bytes()


def test_deleting_takes_what_is_below_the_prefix_only(bucket, source):
    kept = ["exports/run/ab", "exports/run/abc/1", "exports/run2/a/1", "other/exports/run/a/1"]
    for name in ("exports/run/a/1", "exports/run/a/deep/2", *kept):
        bucket.upload(source, name)
    assert bucket.delete("exports/run/a/") == 2
    assert bucket.list("") == sorted(kept)
    assert bucket.delete("exports/run/a/") == 0


@pytest.mark.parametrize("prefix", ["", "/", "//", "exports", "exports/run"])
def test_no_whole_bucket_and_no_neighbour_is_ever_deleted(bucket, source, prefix):
    bucket.upload(source, "exports/run/1")
    with pytest.raises(ValueError, match="does not name a folder"):
        bucket.delete(prefix)
    assert bucket.list("") == ["exports/run/1"]


def test_a_folder_does_not_leave_its_bucket_to_delete(tmp_path, source):
    bucket = Folder(tmp_path / "buckets", "mine")
    bucket.upload(source, "a/1")
    Folder(tmp_path / "buckets", "yours").upload(source, "a/1")
    for prefix in ("../yours/", "/", f"{tmp_path}/buckets/yours/", "a/../../yours/"):
        try:
            assert bucket.delete(prefix) == 0
        except ValueError:
            assert prefix == "/"
    assert Folder(tmp_path / "buckets", "yours").list("") == ["a/1"]


def test_an_emptied_folder_goes_with_its_files(tmp_path, source):
    bucket = Folder(tmp_path / "buckets", "mine")
    bucket.upload(source, "exports/run/a/1")
    bucket.delete("exports/run/")
    assert not list((tmp_path / "buckets" / "mine").iterdir())


def test_a_check_leaves_nothing_and_makes_the_folder(tmp_path):
    Folder(tmp_path / "buckets", "mine").check()
    assert not list((tmp_path / "buckets" / "mine").iterdir())


def test_a_folder_that_cannot_be_is_said_to_be_so(tmp_path):
    (tmp_path / "buckets").write_text("a file is in the way")
    with pytest.raises(StorageError, match="could not be written"):
        Folder(tmp_path / "buckets", "mine").check()


# -- Cloud Storage


def test_the_engines_exports_and_the_client_see_the_same_objects(cloud, mine, source, tmp_path):
    _made(cloud.folder / "exports")
    (cloud.folder / "exports" / "map.tif").write_bytes(b"by an export")
    assert mine.list("exports/") == ["exports/map.tif"]
    mine.download("exports/map.tif", tmp_path / "map.tif")
    assert (tmp_path / "map.tif").read_bytes() == b"by an export"
    mine.upload(source, "uploads/a.bin")
    assert (cloud.folder / "uploads" / "a.bin").read_bytes() == source.read_bytes()


def test_a_listing_of_several_pages_is_whole_and_in_order(cloud, mine):
    _made(cloud.folder / "many")
    for number in range(2345):
        (cloud.folder / "many" / f"{number:05}").touch()
    assert mine.list("many/") == [f"many/{number:05}" for number in range(2345)]
    assert cloud.count(r"GET /storage/v1/b/[^/]+/o\?") == 3
    assert mine.list("many/0001") == [f"many/0001{digit}" for digit in range(10)]


def test_a_large_file_goes_in_pieces_and_comes_back(cloud, mine, large, engine, tmp_path):
    before = _unfinished(engine)
    mine.upload(large, "large.bin")
    assert cloud.count("PUT .*upload_id=") == 3
    mine.download("large.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    assert _unfinished(engine) == before


@pytest.mark.parametrize("kind", ["503", "429", "cut", "lose"])
def test_a_large_upload_outlives_what_befalls_its_pieces(cloud, mine, large, kind):
    cloud.fail("PUT .*upload_id=", kind, 4)
    mine.upload(large, "large.bin")
    assert cloud.count("PUT .*upload_id=") == 7
    assert (cloud.folder / "large.bin").read_bytes() == large.read_bytes()
    assert cloud.count("DELETE") == 0


@pytest.mark.parametrize("kind", ["503", "cut", "lose"])
def test_a_large_upload_outlives_a_failure_of_its_first_request(cloud, mine, large, kind):
    cloud.fail("POST .*uploadType=resumable", kind)
    mine.upload(large, "large.bin")
    assert (cloud.folder / "large.bin").read_bytes() == large.read_bytes()


@pytest.mark.parametrize("kind", ["503", "cut", "lose"])
def test_a_small_upload_outlives_failures_and_is_stored_once(cloud, mine, source, kind):
    # After "lose" the object is there: its second upload is refused by the precondition, and known as ours.
    cloud.fail("POST .*uploadType=multipart", kind, 2)
    assert mine.upload(source, "a.bin") == f"gs://{cloud.bucket}/a.bin"
    assert (cloud.folder / "a.bin").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("kind", ["503", "lose", "break"])
def test_a_download_outlives_failures(cloud, mine, large, tmp_path, kind):
    mine.upload(large, "large.bin")
    cloud.fail("GET .*alt=media", kind, 3)
    mine.download("large.bin", tmp_path / "out" / "back")
    assert (tmp_path / "out" / "back").read_bytes() == large.read_bytes()
    assert _left(tmp_path / "out") == ["back"]


def test_a_listing_and_a_deletion_outlive_failures(cloud, mine, source):
    mine.upload(source, "a/1")
    cloud.fail(r"GET /storage/v1/b/[^/]+/o\?", "503")
    cloud.fail("DELETE", "lose")
    assert mine.delete("a/") == 1
    assert mine.list("") == []


@pytest.mark.parametrize("size", [10_000, 20 * MIB])
def test_what_is_damaged_on_the_way_up_is_never_stored(cloud, mine, tmp_path, engine, size):
    before = _unfinished(engine)
    cloud.fail("(POST .*uploadType=multipart|PUT .*upload_id=)", "spoil")
    with pytest.raises(StorageError, match="Provided CRC32C|did not arrive as it was sent"):
        mine.upload(_file(tmp_path / "a", size), "a.bin")
    assert mine.list("") == []
    assert _unfinished(engine) == before


@pytest.mark.parametrize("size", [10_000, 20 * MIB])
def test_an_object_damaged_on_the_way_leaves_no_file(cloud, mine, tmp_path, size):
    mine.upload(_file(tmp_path / "a", size), "a.bin")
    cloud.fail("GET .*alt=media", "damage")
    with pytest.raises(StorageError, match="did not arrive as it was sent"):
        mine.download("a.bin", tmp_path / "out" / "a.bin")
    assert not list((tmp_path / "out").iterdir())


def test_damage_in_the_rest_of_a_broken_download_is_found(cloud, mine, large, tmp_path):
    # The client itself compares no checksum where it went on in the middle.
    mine.upload(large, "a.bin")
    cloud.fail("GET .*alt=media", "break")
    cloud.fail("GET .*alt=media", "damage")
    with pytest.raises(StorageError, match="its CRC32C differs"):
        mine.download("a.bin", tmp_path / "out" / "a.bin")
    assert not list((tmp_path / "out").iterdir())


def test_what_stood_under_the_name_stays_when_a_download_fails(cloud, mine, source, tmp_path):
    mine.upload(source, "a.bin")
    (tmp_path / "kept").write_bytes(b"before")
    cloud.fail("GET .*alt=media", "damage")
    with pytest.raises(StorageError):
        mine.download("a.bin", tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"before"


def test_an_object_replaced_while_it_is_downloaded_is_not_mixed_with_the_new_one(cloud, mine, large, tmp_path):
    mine.upload(large, "a.bin")
    new = cloud.folder / "new"
    new.write_bytes(large.read_bytes()[::-1])
    cloud.fail("GET .*alt=media", "break")
    # After the first half, and before the client asks for the second one.
    cloud.fail("GET .*alt=media", "503", body=lambda: new.replace(cloud.folder / "a.bin"))
    with pytest.raises(StorageError, match="No such object"):
        mine.download("a.bin", tmp_path / "out" / "a.bin")
    assert not list((tmp_path / "out").iterdir())


def test_memory_does_not_grow_with_the_file(cloud, engine, monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", engine.url)
    direct = storage.open(Service(Account()), cloud.bucket)
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(128 * MIB)
    tracemalloc.start()
    try:
        direct.upload(path, "sparse.bin")
        direct.download("sparse.bin", tmp_path / "back")
        # Of the client and of the engine together.
        assert tracemalloc.get_traced_memory()[1] < 48 * MIB
    finally:
        tracemalloc.stop()
    assert (tmp_path / "back").stat().st_size == 128 * MIB


def test_a_bucket_is_opened_with_the_credentials_of_the_engine(cloud, mine):
    mine.list("")
    assert cloud.tokens == {"Bearer of-the-key"}


@pytest.mark.parametrize("lacking", sorted(ALL))
def test_a_bucket_that_may_not_be_used_is_refused_by_the_check(cloud, mine, lacking):
    cloud.fail("testPermissions", "200", body={"permissions": sorted(ALL - {lacking})})
    with pytest.raises(StorageError, match=rf"the account lacks {lacking} on gs://mine.*; grant it"):
        mine.check()


def test_a_bucket_that_is_not_there_is_an_error_with_a_mend(cloud, source, tmp_path):
    bucket = storage.open(Service(Account()), "yours")
    for call in _calls(bucket, source, tmp_path):
        with pytest.raises(StorageError, match=r"gs://yours/\S* is not there \(.*\); check \[engine\] bucket"):
            call()
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("status", "words", "mend"), [
    ("401", r"there are no credentials for gs://mine\S+, or they are not accepted \(said so\)", "sign in with: gcloud"),
    ("403", r"the account may not do this with gs://mine\S+ \(said so\)", "grant it the role Storage Object User"),
    ("400", r"Cloud Storage refused gs://mine\S+ \(said so\)", "check"),
])
def test_a_refusal_is_told_in_the_services_words_with_a_mend(cloud, mine, source, large, tmp_path, status, words, mend):
    cloud.fail("", status, 10**9, {"error": {"code": int(status), "message": "said so"}})
    for call in (*_calls(mine, source, tmp_path), lambda: mine.upload(large, "a")):
        with pytest.raises(StorageError, match=f"^{words}; {re.escape(mend)}"):
            call()
    assert not list((tmp_path / "out").iterdir())


def test_a_service_that_stays_down_is_an_error_with_a_mend(cloud, mine, source, tmp_path, monkeypatch):
    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.2)
    cloud.fail("", "503", 10**9)
    for call in _calls(mine, source, tmp_path):
        with pytest.raises(StorageError, match="wait a few minutes|check the network"):
            call()
    assert not list((tmp_path / "out").iterdir())


def test_a_bucket_that_does_not_answer_is_an_error_with_a_mend(cloud, mine, monkeypatch, tmp_path, source):
    cloud.stop()
    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.2)
    for call in _calls(mine, source, tmp_path):
        with pytest.raises(StorageError, match="check the network"):
            call()


def _calls(bucket, source, tmp_path):
    return (bucket.check, lambda: bucket.list(""), lambda: bucket.download("a", tmp_path / "out" / "b"),
            lambda: bucket.upload(source, "a"), lambda: bucket.delete("a/"))


def test_credentials_that_are_not_accepted_are_named(cloud):
    account = Account()
    account.refusal = auth_exceptions.RefreshError("invalid_grant")
    with pytest.raises(StorageError, match=r"gs://mine/ are not accepted \(invalid_grant\); sign in"):
        storage.open(Service(account), "mine").check()


def test_without_credentials_it_says_how_to_sign_in(monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(StorageError, match=r"there are no credentials for gs://mine .*; sign in with: gcloud"):
        storage.open(Service(None), "mine")
