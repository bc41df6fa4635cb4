"""A figure as bytes: a JSON header, then the raw numbers, which the browser reads without parsing them.

In this order:

    4 bytes   length of the header, little-endian
    header    JSON; each array in it is {"array": [offset, dtype, shape]}
    padding   up to a multiple of 8
    numbers   little-endian, each array at a multiple of 8
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

_KINDS = {"f4": "f4", "f8": "f8", "i4": "i4", "u1": "u1"}
ALIGNMENT = 8


class Encoder:
    """Turns pictures that are much alike into bytes: a trace's looks and a layout are written out once, and kept.

    A trace's looks may be exchanged for others, but not changed inside; a layout that changes has another version.
    """

    def __init__(self) -> None:
        self._traces: dict[int, tuple[dict[str, Any], str]] = {}
        self._layout: tuple[Any, str] = (None, "")

    def encode(self, content: dict[str, Any]) -> bytes:
        """`content` (dictionaries, lists, plain values and NumPy arrays) as bytes.

        Two names in it are special: "data", Plotly's traces, and "layout", whose version is called "version".
        """
        numbers = _Numbers()
        pieces = []
        for name, value in content.items():
            if name == "data":
                written = f"[{','.join(self._trace(number, trace, numbers) for number, trace in enumerate(value))}]"
            elif name == "layout":
                if self._layout[0] != (version := content["version"]):
                    self._layout = version, _written(value, _nowhere)
                written = self._layout[1]
            else:
                written = _written(value, numbers.place)
            pieces.append(f"{_written(name, _nowhere)}:{written}")
        header = f"{{{','.join(pieces)}}}".encode()
        padding = b"\0" * (-(4 + len(header)) % ALIGNMENT)
        return b"".join([struct.pack("<I", len(header)), header, padding, *numbers.buffers])

    def _trace(self, number: int, trace: dict[str, Any], numbers: _Numbers) -> str:
        """Trace number `number`: its looks, from memory if they are as before, and where its arrays are."""
        looks, pieces = {}, []
        for name, value in trace.items():
            if isinstance(value, np.ndarray):
                offset, kind, shape = numbers.add(value)
                pieces.append(f'"{name}":{{"array":[{offset},"{kind}",{shape}]}}')
            else:
                looks[name] = value
        if number not in self._traces or self._traces[number][0] != looks:
            self._traces[number] = looks, _written(looks, _nowhere)
        text = self._traces[number][1]
        return f"{text[:-1]}{',' if looks and pieces else ''}{','.join(pieces)}}}"


class _Numbers:
    """The arrays behind the header, as they are placed one after the other."""

    def __init__(self) -> None:
        self.buffers: list[bytes] = []
        self._size = 0

    def add(self, array: np.ndarray) -> tuple[int, str, list[int]]:
        """Place `array`; its offset, kind and shape."""
        offset, kind = self._size, array.dtype.str[1:]
        if kind not in _KINDS:
            array, kind = array.astype("<f4"), "f4"
        data = array.tobytes()
        data += b"\0" * (-len(data) % ALIGNMENT)
        self.buffers.append(data)
        self._size += len(data)
        return offset, kind, list(array.shape)

    def place(self, value: Any) -> Any:
        """What stands in JSON for `value`, which it does not know: an array, or a NumPy scalar."""
        return {"array": self.add(value)} if isinstance(value, np.ndarray) else _nowhere(value)


def encode(content: dict[str, Any]) -> bytes:
    """`content` as bytes, by an encoder of its own."""
    return Encoder().encode(content)


def _written(value: Any, default: Callable[[Any], Any]) -> str:
    return json.dumps(value, default=default, ensure_ascii=False, separators=(",", ":"))


def _nowhere(value: Any) -> Any:
    """A NumPy scalar as a plain number."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} can't be sent to the browser")


def decode(data: bytes) -> dict[str, Any]:
    """The inverse of `encode`, for tests and for clients without a browser."""
    length = struct.unpack_from("<I", data)[0]
    start = 4 + length + (-(4 + length) % ALIGNMENT)

    def restore(value: dict[str, Any]) -> Any:
        if value.keys() != {"array"}:
            return value
        offset, kind, shape = value["array"]
        count = int(np.prod(shape))
        return np.frombuffer(data, f"<{kind}", count, start + offset).reshape(shape)

    return dict(json.loads(data[4 : 4 + length], object_hook=restore))
