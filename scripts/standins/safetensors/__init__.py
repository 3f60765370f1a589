"""The safetensors format: header length, header in JSON, the tensors' bytes."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor, float32, float64, frombuffer, int64

TYPES = {"F32": float32, "F64": float64, "I64": int64}


class SafetensorError(ValueError):
    """Not a file of this format."""


class safe_open:
    """A file of tensors, read whole."""

    def __init__(self, path: str | Path, framework: str) -> None:
        data = Path(path).read_bytes()
        end = 8 + int.from_bytes(data[:8], "little")
        try:
            self._header: dict[str, Any] = json.loads(data[8:end])
        except ValueError as error:
            raise SafetensorError(str(error)) from None
        self._metadata = self._header.pop("__metadata__", None)
        self._bytes = data[end:]

    def __enter__(self) -> "safe_open":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def metadata(self) -> dict[str, str] | None:
        """The text entries of the header."""
        return self._metadata

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return list(self._header)

    def get_tensor(self, name: str) -> Tensor:
        """One tensor."""
        entry = self._header[name]
        start, stop = entry["data_offsets"]
        piece = bytearray(self._bytes[start:stop])
        if len(piece) != stop - start:
            raise SafetensorError(f"{name} is cut off")
        dtype = TYPES[entry["dtype"]]
        return frombuffer(piece, dtype=dtype).reshape(entry["shape"])
