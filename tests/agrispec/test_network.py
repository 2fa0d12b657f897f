"""Whatever client failed, the words are of what happened, not of the client."""

import http.client
import socket
import ssl
import urllib.request

import httplib2
import pytest
import requests
from google.auth import exceptions as auth_exceptions
from google.auth.transport.requests import Request

from agrispec import network

CLIENTS = {"requests": lambda url: requests.get(url, timeout=0.5),
           "google.auth": lambda url: Request()(url, timeout=0.5),
           "httplib2": lambda url: httplib2.Http(timeout=0.5).request(url),
           "urllib": lambda url: urllib.request.urlopen(url, timeout=0.5)}
FAILURES = (OSError, httplib2.HttpLib2Error, auth_exceptions.TransportError)


@pytest.fixture
def closed():
    """The address of a port on loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


def reason(client, url):
    with pytest.raises(FAILURES) as raised:
        CLIENTS[client](url)
    return network.why(raised.value)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_closed_port_refuses_whoever_asks(client, closed):
    assert reason(client, closed) == "the connection is refused"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_name_that_is_not_known_is_not_found(client, monkeypatch):
    def unknown(*words, **named):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert reason(client, "http://earthengine.invalid/") == "the server's name is not found"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_that_is_silent_gives_no_answer_in_time(client):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert reason(client, f"http://127.0.0.1:{silent.getsockname()[1]}/") == "no answer in time"


@pytest.mark.parametrize(("error", "said"), [
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), "the server's certificate is not accepted"),
    (ssl.SSLEOFError(8, "EOF occurred"), "no encrypted connection comes about"),
    (http.client.RemoteDisconnected("Remote end closed connection"), "the connection broke off"),
    (OSError(101, "Network is unreachable"), "network is unreachable"),
    (requests.ConnectionError(OSError(101, "Network is unreachable")), "network is unreachable"),
    (OSError("Tunnel connection\nfailed"), "Tunnel connection failed"), (OSError(), "OSError"),
])
def test_what_else_may_happen_has_its_words(error, said):
    assert network.why(error) == said


def test_a_long_message_is_cut_and_a_cause_that_is_its_own_cause_ends():
    error = OSError("word " * 100)
    error.__context__ = other = ValueError()
    other.__context__ = error
    assert len(network.why(error)) <= 120
    assert network.why(error).endswith("word ...")
