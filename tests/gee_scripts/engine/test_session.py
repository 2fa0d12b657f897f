"""`ee` over a folder, for a block or for somebody's script."""

from __future__ import annotations

import logging
import socket
import threading
import time
from pathlib import Path

import ee
import pytest

from agrispec.config import Service
from agrispec.errors import EngineError
from gee_scripts.engine import embedded, script
from gee_scripts.engine.local.server import LocalServer


def test_a_session_yields_an_initialised_client_and_takes_it_away_again(tmp_path: Path) -> None:
    with embedded.session(tmp_path / "new") as client:
        assert client is ee
        assert client.Number(1).add(2).getInfo() == 3
        assert (tmp_path / "new").is_dir()
    with pytest.raises(ee.EEException):
        ee.Number(1).getInfo()


def test_the_logging_of_the_process_goes_on_as_it_was(tmp_path: Path) -> None:
    """Else whoever closes what it is told to forget, as Keras's does, would close the process's streams."""
    handler = logging.FileHandler(tmp_path / "log")
    try:
        with embedded.session(tmp_path / "new"):
            assert handler in [kept() for kept in logging._handlerList]
    finally:
        handler.close()


def test_initialize_stays_on_the_folder_and_keeps_the_project_it_names(tmp_path: Path) -> None:
    initialize = ee.Initialize
    with embedded.session(tmp_path):
        ee.Authenticate()
        ee.Initialize(project="my-crop-project", url="https://earthengine.googleapis.com")
        ee.data.createAsset({"type": "FOLDER"}, "projects/my-crop-project/assets/maps")
        assert ee.data.getAsset("projects/my-crop-project/assets/maps")["type"] == "FOLDER"
        ee.Initialize(project="no project id")
        assert ee.Number(2).getInfo() == 2
    assert ee.Initialize is initialize


def test_a_script_sees_its_arguments_and_its_neighbours_and_its_errors_reach_the_caller(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("ANSWER = 42\n")
    (tmp_path / "main.py").write_text("import sys\nimport ee\nfrom beside import ANSWER\nee.Initialize()\n"
                                      "raise LookupError([ee.Number(ANSWER).getInfo(), *sys.argv[1:]])\n")
    with embedded.session(tmp_path / "assets"):
        url = ee.data._get_state().api_base_url.removesuffix("/api")
        with pytest.raises(LookupError) as raised:
            script.run(tmp_path / "main.py", ["a", "--b"], url, "agrispec-local")
    assert raised.value.args == ([42, "a", "--b"],)


def test_who_comes_second_shares_the_server_and_leaves_it_running(tmp_path: Path) -> None:
    (tmp_path / "landscape").mkdir()
    with LocalServer(tmp_path / "landscape", "agrispec-local") as first:
        second = embedded.open(Service(), tmp_path)
        assert ee.data._get_state().api_base_url == f"{first.url}/api"
        second.close()
        with embedded.session(tmp_path / "landscape") as client:
            assert client.Number(3).getInfo() == 3
    with embedded.session(tmp_path / "landscape") as client:
        assert ee.data._get_state().api_base_url != f"{first.url}/api"
        assert client.Number(4).getInfo() == 4


def test_an_address_that_nobody_serves_is_told_at_once() -> None:
    before = time.monotonic()
    with pytest.raises(EngineError, match=r"no local engine answers at 'http://127.0.0.1:1': .*refused.*; start one"), \
            script.redirected("http://127.0.0.1:1", "agrispec-local"):
        pass
    assert time.monotonic() - before < 2


@pytest.mark.parametrize(("answer", "found"), [
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "another program does, with status 404"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"name\": \"other\"}", "another program does;"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "another program does, or none"),
    (b"SSH-2.0-OpenSSH\r\n", "another program does, or none"), (b"", "another program does, or none")])
def test_an_address_of_another_program_is_told_at_once(answer: bytes, found: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        other = threading.Thread(target=serve)
        other.start()
        with pytest.raises(EngineError, match=f"no local engine answers at .*: {found}"):
            script.check(f"http://127.0.0.1:{listener.getsockname()[1]}")
        other.join()


def test_what_is_no_address_is_told() -> None:
    with pytest.raises(EngineError, match="no local engine answers at 'landscape'"):
        script.check("landscape")
