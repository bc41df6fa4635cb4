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
from typing import Any

import numpy as np

_KINDS = {"f4": "f4", "f8": "f8", "i4": "i4", "u1": "u1"}
ALIGNMENT = 8


def encode(content: dict[str, Any]) -> bytes:
    """`content` (dictionaries, lists, plain values and NumPy arrays) as bytes."""
    buffers: list[bytes] = []
    size = 0

    def place(value: Any) -> Any:
        nonlocal size
        if not isinstance(value, np.ndarray):
            if isinstance(value, np.generic):
                return value.item()
            raise TypeError(f"{type(value).__name__} can't be sent to the browser")
        kind = value.dtype.str[1:]
        if kind not in _KINDS:
            value, kind = value.astype("<f4"), "f4"
        data = np.ascontiguousarray(value).tobytes()
        reference = {"array": [size, kind, list(value.shape)]}
        data += b"\0" * (-len(data) % ALIGNMENT)
        buffers.append(data)
        size += len(data)
        return reference

    header = json.dumps(content, default=place, ensure_ascii=False, separators=(",", ":")).encode()
    padding = b"\0" * (-(4 + len(header)) % ALIGNMENT)
    return b"".join([struct.pack("<I", len(header)), header, padding, *buffers])


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
