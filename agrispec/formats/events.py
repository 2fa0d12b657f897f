"""TensorBoard event files: scalars by step, as a TFRecord file of Event messages."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from agrispec.formats.atomic import storage_error, write_files
from agrispec.formats.tfrecord import FOOTER, HEADER, frame_rows

# Fields of Event and Summary, each as its tag (number * 8 + wire type):
# https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto
# https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/summary.proto
_WALL_TIME, _STEP, _FILE_VERSION, _SUMMARY = b"\x09", b"\x10", b"\x1a", b"\x2a"
_VALUE, _TAG, _SIMPLE_VALUE = b"\x0a", b"\x0a", b"\x15"
_VERSION = b"brain.Event:2"


def create(path: Path, events: Iterable[tuple[int, float, Mapping[str, float]]] = ()) -> None:
    """A file of events (step, Unix time, scalars by tag), which replaces one that is there.

    TensorBoard shows a file whose name holds `tfevents`.

    Raises:
        StorageError: it cannot be written.
    """
    frames = [_framed(_WALL_TIME + struct.pack("<d", 0.0) + _text(_FILE_VERSION, _VERSION))]
    write_files({path: b"".join(frames + [_framed(_event(*event)) for event in events])})


def append(path: Path, step: int, time: float, scalars: Mapping[str, float]) -> None:
    """Add one event to a file that `create` made; whoever watches the file sees it.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        with path.open("ab") as file:
            file.write(_framed(_event(step, time, scalars)))
    except OSError as error:
        raise storage_error(path, error) from error


def _event(step: int, time: float, scalars: Mapping[str, float]) -> bytes:
    values = (_text(_VALUE, _text(_TAG, name.encode()) + _SIMPLE_VALUE + struct.pack("<f", value))
              for name, value in scalars.items())
    return _WALL_TIME + struct.pack("<d", time) + _STEP + _varint(step) + _text(_SUMMARY, b"".join(values))


def _text(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _framed(payload: bytes) -> bytes:
    frame = np.frombuffer(bytes(HEADER) + payload + bytes(FOOTER), np.uint8).copy()
    frame_rows(frame[None])
    return frame.tobytes()
