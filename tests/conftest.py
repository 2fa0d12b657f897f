"""What every test shares: deterministic Hypothesis, the real data where it is, and a tiny season."""

import http.client
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import settings

from agrispec.bands import SENTINEL2_IDS
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid

from .configuration import MAIZE, WHEAT, configuration

# Two cores run the whole suite: the same examples each time, none timed.
settings.register_profile("agrispec", deadline=None, derandomize=True, max_examples=50, print_blob=False)
settings.load_profile("agrispec")

# Cloud Storage's client asks after buckets in threads that outlive its tests. They wait for random times, and
# Hypothesis takes that for a strategy's use of `random` in whatever test it draws for meanwhile.
os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live", metavar="PROJECT", help="ask Google Earth Engine, too, as this Cloud project")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, from AGRISPEC_TEST_DATA alone."""
    folder = os.environ.get("AGRISPEC_TEST_DATA")
    if not folder:
        pytest.skip("AGRISPEC_TEST_DATA is not set: tests on real data are left out")
    return Path(folder)


class Listener:
    """A server of somebody else on loopback, `url`, until it is stopped."""

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        handler.log_message = lambda *words: None
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@pytest.fixture
def listening():
    """What handles requests, a class of `http.server` -> its `Listener`, stopped after the test."""
    listeners = []

    def listen(handler):
        listeners.append(Listener(handler))
        return listeners[-1]

    yield listen
    for listener in listeners:
        listener.stop()


@pytest.fixture
def token_server(listening):
    """A token server on loopback; its `asked` lists the forms of the requests, `status` is what it answers with."""
    class Tokens(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            server.asked.append(urllib.parse.parse_qs(body))
            token = {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}
            refusal = {"error": "invalid_grant", "error_description": "Account has been deleted"}
            self.send_response(server.status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(token if server.status == 200 else refusal).encode())

    server = listening(Tokens)
    server.asked, server.status = [], 200
    return server


@pytest.fixture
def key_file(token_server, tmp_path) -> Path:
    """`key.json` of a service account, whose tokens come from `token_server`."""
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"type": "service_account", "private_key": pem, "private_key_id": "1",
                                "client_email": "tester@agrispec-local.iam.gserviceaccount.com",
                                "token_uri": f"{token_server.url}/token", "project_id": "agrispec-local"}))
    return path


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


@pytest.fixture
def proxy_of(listening):
    """Address of a server -> a `Proxy` in front of it, stopped after the test."""
    return lambda url: Proxy(url, listening)


@dataclass(frozen=True)
class TinySeason:
    """A season of 24 x 20 pixels with the difficulties of a real one, as arrays and as an asset tree.

    Steps without a scene, with several, with two of one day; a scene without Cloud Score+; a pixel that is never
    clear; no-data corners, in all bands or in one. `dn` (scene, band, row, column) uint16, 0 = no data; `cs`
    (scene, row, column), NaN where the scene has no twin; `scl` (scene, row, column); `codes` (row, column) of the
    label map, 0 = none.
    """

    home: Path
    grid: Grid
    days: tuple[date, ...]
    dn: np.ndarray
    cs: np.ndarray
    scl: np.ndarray
    codes: np.ndarray

    @property
    def clear(self) -> np.ndarray:
        """(scene, row, column): what the rules of the default cube keep."""
        by_class = np.isin(self.scl, (4, 5, 6, 7))
        kept = np.where(np.isnan(self.cs), by_class, np.nan_to_num(self.cs) >= np.float32(0.75))
        return kept & (self.dn > 0).all(axis=1)

    def copy(self, path: Path) -> Path:
        """A run at `path` with a landscape of its own, as if nothing had been done in it yet."""
        shutil.copytree(self.home / "landscape", path / "landscape",
                        ignore=shutil.ignore_patterns("buckets", ".operations"))
        shutil.copy(self.home / "agrispec.toml", path)
        return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> TinySeason:
    """The tiny season of 2023, its folder a run directory with an `agrispec.toml` and a `landscape`."""
    random = np.random.default_rng(11)
    grid = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=24, height=20)
    offsets = np.sort(random.choice(np.delete(np.arange(365), np.arange(200, 230)), 40, replace=False))
    days = tuple(date(2023, 1, 1) + timedelta(days=int(day)) for day in (*offsets, offsets[20], 364))
    shape = (len(days), *grid.shape)
    dn = random.integers(1, 9000, (len(days), 10, *grid.shape)).astype(np.uint16)
    dn[::3, :, :3, :4] = 0
    dn[1::4, 8, 15:, :6] = 0  # B11 alone
    cs = random.random(shape).astype(np.float32)
    cs[:, 7, 9] = 0.1
    scl = random.integers(1, 12, shape).astype(np.uint8)
    scl[:, 7, 9] = 9
    twinless = 13
    codes = np.zeros(grid.shape, np.uint8)
    codes[:9, :11], codes[:9, 12:], codes[10:, :] = 1, 2, 3
    home = tmp_path_factory.mktemp("tiny")
    tree = AssetTree(home / "landscape")
    for collection in ("COPERNICUS/S2_SR_HARMONIZED", "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED",
                       "projects/agrispec-local/assets/labels"):
        tree.create_collection(collection)
    for number, day in enumerate(days):
        index = f"{day:%Y%m%d}T105031_{number:02d}"
        taken = datetime(day.year, day.month, day.day, 10, 50, 31, tzinfo=UTC)
        bands = {name: dn[number, band] for band, name in enumerate(SENTINEL2_IDS)}
        tree.write_image(f"COPERNICUS/S2_SR_HARMONIZED/{index}", arrays={**bands, "SCL": scl[number]}, grid=grid,
                         time_start=taken, nodata=0, properties={"CLOUDY_PIXEL_PERCENTAGE": 100.0 * number / len(days)})
        if number != twinless:
            tree.write_image(f"GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED/{index}", arrays={"cs": cs[number]}, grid=grid,
                             time_start=taken)
    cs[twinless] = np.nan
    tree.write_image("projects/agrispec-local/assets/labels/tiny_2023", arrays={"crop": codes}, grid=grid, nodata=0,
                     time_start=datetime(2023, 1, 1, tzinfo=UTC))
    (home / "agrispec.toml").write_text(configuration(
        classes=(WHEAT, {**MAIZE, "codes": [2, 3]}), labels={"erode_m": 0}, samples={"per_class": 30},
        split={"validation": 0, "test": 0}, map={"patch": 8}))
    return TinySeason(home=home, grid=grid, days=days, dn=dn, cs=cs, scl=scl, codes=codes)


@dataclass(frozen=True)
class Demo:
    """What `agrispec-gee demo` left and said, run once as a user runs it."""

    path: Path
    exit_code: int
    output: str
    errors: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Demo:
    """The whole demonstration, in a process of its own; it takes minutes."""
    path = tmp_path_factory.mktemp("demo") / "demo"
    done = subprocess.run([sys.executable, "-m", "cli", "demo", str(path)], capture_output=True, text=True,
                          cwd=Path(__file__).parents[1])
    return Demo(path=path, exit_code=done.returncode, output=done.stdout, errors=done.stderr)
