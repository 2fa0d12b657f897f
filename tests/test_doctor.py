"""`agrispec-gee doctor`: a line for each thing, an exit status, and no traceback whatever is missing."""

import http.server
import json
import re
import shutil
import socket
from importlib import resources

import pytest
from click.testing import CliRunner

import cli
from agrispec.errors import ConfigError
from agrispec.health import failed, passed
from exports import terminal
from gee_scripts.engine import cloud, usage
from gee_scripts.engine.local.server import LocalServer

NAMES = ["project", "credentials", "tier", "bucket", "location", "assets", "clock", "disk", "learning"]

# The client leaves the answers that it gives up on to the garbage collector, and their sockets with them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def doctor(*arguments):
    """Exit status, and what was said of each thing: name -> (state, words)."""
    done = CliRunner().invoke(cli.main, ["doctor", *map(str, arguments)], catch_exceptions=False)
    lines = [re.fullmatch(r"(pass|warning|fail) +(\w+) +(\S.*)", line) for line in done.stdout.splitlines()]
    assert all(lines), done.output
    assert [line[2] for line in lines] == NAMES, "each in this order"
    return done.exit_code, {line[2]: (line[1], line[3]) for line in lines}


def closed():
    """The address of a port on loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def run(tiny, tmp_path):
    """A run of the tiny season with a landscape of its own."""
    return tiny.copy(tmp_path / "run")


@pytest.fixture
def on_cloud(run, key_file, listening, monkeypatch):
    """The run on a Cloud project: tokens, Earth Engine, its bucket and Cloud Monitoring are answered on loopback."""
    class Monitoring(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    shutil.copy(key_file, run)
    text = (run / "agrispec.toml").read_text()
    (run / "agrispec.toml").write_text('[engine]\nname = "cloud"\nproject = "my-project"\nbucket = "mine"\n'
                                       'service_account_key = "key.json"\n' + text)
    (run / "landscape" / "buckets" / "mine").mkdir(parents=True)
    monkeypatch.setattr(usage, "MONITORING", listening(Monitoring).url)
    with LocalServer(run / "landscape", "my-project") as server:
        monkeypatch.setattr(cloud, "HIGH_VOLUME", server.url)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield run


def test_all_passes_on_a_cloud_project_where_all_is_in_place(on_cloud):
    status, found = doctor(on_cloud)
    assert {state for state, _ in found.values()} == {"pass"}, found
    assert status == 0
    assert "registered for noncommercial use" in found["project"][1]
    assert "gs://mine can be written" in found["bucket"][1]


def test_all_passes_on_the_embedded_engine_and_nothing_is_left_behind(run):
    before = set(run.rglob("*"))
    status, found = doctor(run)
    assert {state for state, _ in found.values()} == {"pass"}, found
    assert status == 0
    made = {path.relative_to(run / "landscape").as_posix() for path in set(run.rglob("*")) - before}
    assert {name for name in made if not name.startswith(".operations")} == {"buckets", "buckets/agrispec-local"}


def test_without_a_run_it_looks_at_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, found = doctor()
    assert {state for state, _ in found.values()} == {"pass"}, found
    assert status == 0
    assert not list(tmp_path.iterdir())


def test_what_fails_makes_the_status_1_and_the_rest_is_looked_at_all_the_same(on_cloud, token_server):
    shutil.rmtree(on_cloud / "landscape" / "buckets" / "mine")
    status, found = doctor(on_cloud)
    assert status == 1
    assert found["bucket"] == ("fail", found["bucket"][1])
    assert {name: state for name, (state, _) in found.items() if state != "pass"} == \
        {"bucket": "fail", "location": "warning"}


def test_a_fresh_configuration_without_an_account_fails_with_mends(tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    monkeypatch.setattr(cloud, "HIGH_VOLUME", closed())
    (tmp_path / "agrispec.toml").write_bytes(resources.files("exports").joinpath("starter.toml").read_bytes())
    status, found = doctor(tmp_path)
    assert status == 1
    assert {name: state for name, (state, _) in found.items()} == {
        "project": "fail", "credentials": "fail", "tier": "warning", "bucket": "warning", "location": "warning",
        "assets": "warning", "clock": "warning", "disk": "pass", "learning": "pass"}
    assert "; set [engine] project to" in found["project"][1]
    assert "; sign in with: gcloud auth application-default login" in found["credentials"][1]
    assert found["assets"][1] == "not looked at: the engine does not open"


@pytest.mark.parametrize("nobody", ["token server", "endpoint"])
def test_without_a_network_it_says_so_in_words_of_its_own(on_cloud, monkeypatch, nobody):
    monkeypatch.setattr(cloud, "HIGH_VOLUME", closed())
    if nobody == "token server":
        key = json.loads((on_cloud / "key.json").read_text())
        (on_cloud / "key.json").write_text(json.dumps(key | {"token_uri": closed()}))
    _, found = doctor(on_cloud)
    said = "Earth Engine cannot be reached (the connection is refused); check the network, then run the command again"
    assert found["credentials" if nobody == "token server" else "project"] == ("fail", said)
    assert found["clock"] == ("warning", said)


def test_a_run_that_is_none_is_one_line(tmp_path):
    done = CliRunner().invoke(cli.main, ["doctor", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 1
    assert "is not a run directory" in done.stderr
    assert done.stdout == ""


def test_a_terminal_shows_a_table_with_every_word_of_it(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    none = ConfigError("none is set", mend="set [engine] project to one that is registered for Earth Engine")
    terminal.tell([passed("disk", "room"), failed("project", none)])
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert shown.split() == ["pass", "disk", "room", "fail", "project", *str(none).split()]
