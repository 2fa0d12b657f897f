"""A folder and a bucket of Cloud Storage behave alike: names in order, files whole or absent.

The bucket is spoken to by the real client; a small server on loopback answers as Cloud Storage's JSON API does.
"""

import base64
import http.server
import json
import re
import threading
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import google_crc32c
import pytest
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import Credentials
from google.cloud.storage import retry

from agrispec.errors import StorageError
from exports import storage
from exports.storage import Folder

ALL = {"storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"}


class Bucket:
    """The bucket "mine" over HTTP: `objects` by name, `granted` permissions, `tokens` that were shown."""

    def __init__(self):
        self.objects, self.granted, self.tokens, self.damage = {}, set(ALL), set(), False
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                bucket.tokens.add(self.headers.get("Authorization"))
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path, _, query = self.path.partition("?")
                asked = urllib.parse.parse_qs(query)
                name = urllib.parse.unquote(path.rpartition("/o/")[2])
                if "/b/mine" not in path:
                    self.refuse(404, "The specified bucket does not exist.")
                elif path.endswith("/iam/testPermissions"):
                    self.reply({"permissions": sorted(bucket.granted & set(asked["permissions"]))})
                elif path.startswith("/upload/"):
                    kind = self.headers["Content-Type"]
                    parts = body.split(b"--" + re.search("boundary=\"?([^\"]+)", kind)[1].encode())[1:3]
                    described, content = (part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts)
                    bucket.objects[json.loads(described)["name"]] = content
                    self.reply(self.described(json.loads(described)["name"]))
                elif path.endswith("/o"):
                    names = sorted(n for n in bucket.objects if n.startswith(asked.get("prefix", [""])[0]))
                    self.reply({"items": [self.described(n) for n in names]})
                elif name not in bucket.objects:
                    self.refuse(404, f"No such object: mine/{name}")
                elif self.command == "DELETE":
                    del bucket.objects[name]
                    self.reply({}, 204)
                else:
                    content = bucket.objects[name]
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(content)))
                    self.send_header("X-Goog-Hash", f"crc32c={checksum(content)}")
                    self.end_headers()
                    self.wfile.write(content[::-1] if bucket.damage else content)

            do_GET = do_POST = do_DELETE = answer

            def described(self, name):
                return {"name": name, "bucket": "mine", "crc32c": checksum(bucket.objects[name])}

            def refuse(self, status, message):
                self.reply({"error": {"code": status, "message": message}}, status)

            def reply(self, answer, status=200):
                content = b"" if status == 204 else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


def checksum(content):
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


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


@pytest.fixture
def cloud(monkeypatch):
    bucket = Bucket()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{bucket.server.server_port}")
    yield bucket
    bucket.stop()


@pytest.fixture(params=["folder", "cloud"])
def bucket(request, tmp_path):
    if request.param == "folder":
        return storage.open(Service(None, tmp_path / "buckets"), "mine")
    request.getfixturevalue("cloud")
    return storage.open(Service(Account()), "mine")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"\x00\x01" * 5000)
    return path


def test_what_is_uploaded_is_listed_and_downloaded(bucket, source, tmp_path):
    bucket.check()
    assert bucket.list("") == []
    assert bucket.upload(source, "maps/x/a.bin") == "gs://mine/maps/x/a.bin"
    bucket.upload(source, "maps/b.bin")
    bucket.upload(source, "other/c.bin")
    assert bucket.list("maps/") == ["maps/b.bin", "maps/x/a.bin"]
    assert bucket.list("maps/x") == ["maps/x/a.bin"]
    bucket.download("maps/x/a.bin", tmp_path / "back" / "a.bin")
    assert (tmp_path / "back" / "a.bin").read_bytes() == source.read_bytes()


def test_a_missing_object_leaves_no_file(bucket, tmp_path):
    with pytest.raises(StorageError):
        bucket.download("nothing", tmp_path / "out" / "x")
    assert not list((tmp_path / "out").iterdir())


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


def test_a_bucket_is_opened_with_the_credentials_of_the_engine(cloud):
    storage.open(Service(Account()), "mine").list("")
    assert cloud.tokens == {"Bearer of-the-key"}


@pytest.mark.parametrize("lacking", sorted(ALL))
def test_a_bucket_that_may_not_be_used_is_refused_by_the_check(cloud, lacking):
    cloud.granted -= {lacking}
    with pytest.raises(StorageError, match=rf"the account lacks {lacking} on gs://mine; grant it"):
        storage.open(Service(Account()), "mine").check()


def test_a_bucket_that_is_not_there_is_refused_by_the_check(cloud):
    with pytest.raises(StorageError, match=r"gs://yours/ is not there .*; check \[engine\] bucket"):
        storage.open(Service(Account()), "yours").check()


def test_a_bucket_that_does_not_answer_is_an_error_with_a_mend(cloud, monkeypatch, tmp_path, source):
    cloud.stop()
    bucket = storage.open(Service(Account()), "mine")
    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.2)
    for call in (bucket.check, lambda: bucket.list(""), lambda: bucket.download("a", tmp_path / "b"),
                 lambda: bucket.upload(source, "a"), lambda: bucket.delete("a/")):
        with pytest.raises(StorageError, match="check the network"):
            call()


def test_credentials_that_are_not_accepted_are_named(cloud):
    account = Account()
    account.refusal = auth_exceptions.RefreshError("invalid_grant")
    with pytest.raises(StorageError, match=r"gs://mine/ are not accepted \(invalid_grant\); sign in"):
        storage.open(Service(account), "mine").check()


def test_an_object_damaged_on_the_way_leaves_no_file(cloud, source, tmp_path):
    bucket = storage.open(Service(Account()), "mine")
    bucket.upload(source, "a.bin")
    cloud.damage = True
    with pytest.raises(StorageError, match="did not arrive as it was sent"):
        bucket.download("a.bin", tmp_path / "out" / "a.bin")
    assert not list((tmp_path / "out").iterdir())
