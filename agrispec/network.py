"""Why no answer came over the network, in words."""

from __future__ import annotations

import http.client
import socket
import ssl
import textwrap
from collections.abc import Iterator

_LONGEST = 120
"""Characters that are kept of a message that is not known here."""

_WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (socket.gaierror, "the server's name is not found"),
    (ssl.SSLCertVerificationError, "the server's certificate is not accepted"),
    (ssl.SSLError, "no encrypted connection comes about"),
    (ConnectionRefusedError, "the connection is refused"),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError, http.client.IncompleteRead),
     "the connection broke off"),
    (TimeoutError, "no answer in time"),
)
"""Classes of exceptions, the first that fits counts -> what has happened."""


def why(error: BaseException) -> str:
    """What has happened, as a clause of a few words, from the exception of any client.

    Clients wrap the operating system's exceptions in their own, whose texts repeat addresses and names of classes: what
    was wrapped is looked for first.
    """
    wrapped = list(_wrapped(error))
    for each in wrapped:
        for kinds, words in _WORDS:
            if isinstance(each, kinds):
                return words
    for each in wrapped:
        if isinstance(each, OSError) and each.errno and each.strerror:
            return each.strerror[0].lower() + each.strerror[1:]
    text = str(error.args[0]) if error.args else ""
    return textwrap.shorten(text, _LONGEST, placeholder=" ...") or type(error).__name__


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it came of, itself first."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if any(found is each for each in seen):
            continue
        seen.append(found)
        yield found
        # urllib3 keeps the cause as `reason`, requests as an argument.
        parts = (found.__cause__, found.__context__, getattr(found, "reason", None), *found.args)
        waiting += [part for part in parts if isinstance(part, BaseException)]
