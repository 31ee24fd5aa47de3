"""Durations (`90s`, `15m`, `6h`, `2d`) in seconds and sizes (`50GiB`) in whole units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from bootstrap.inventory.schema.block import bad, expected, shown

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_SIZE = re.compile(r"(\d{1,9})(MiB|GiB|TiB)", re.ASCII)


@dataclass(frozen=True)
class Duration:
    """A DURATION from `least` to `most`, as seconds; `off` gives None where it is allowed."""

    least: str
    most: str
    off: bool = False

    def check(self, value: object) -> int | None:
        """Seconds."""
        hint = "write it as in 90s, 15m, 6h or 2d" + (", or off" if self.off else "")
        if not isinstance(value, str):
            raise expected("duration", value, hint)
        if self.off and value == "off":
            return None
        match = _DURATION.fullmatch(value)
        if not match:
            raise bad("E022", f"{shown(value)} is no duration", hint)
        seconds = int(match[1]) * SECONDS[match[2]]
        if not _seconds(self.least) <= seconds <= _seconds(self.most):
            raise bad("E058", f"{shown(value)} is out of range", f"write {self.least} to {self.most}")
        return seconds

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": "^(?:[0-9]{1,9}[smhd]" + ("|off" if self.off else "") + ")$"}


@dataclass(frozen=True)
class Size:
    """A size from `least` to `most`, counted in `unit`."""

    unit: str
    least: str
    most: str

    def check(self, value: object) -> int:
        """How many units; it must come out even."""
        hint = f"write it as in {self.least} or 50GiB"
        if not isinstance(value, str):
            raise expected("size", value, hint)
        match = _SIZE.fullmatch(value)
        if not match:
            raise bad("E022", f"{shown(value)} is no size", hint)
        size, unit = _bytes(value), BYTES.get(self.unit, 1)
        if not _bytes(self.least) <= size <= _bytes(self.most) or size % unit:
            raise bad("E022", f"{shown(value)} is out of range", f"write {self.least} to {self.most}")
        return size // unit

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{1,9}(?:MiB|GiB|TiB)$"}


def _seconds(text: str) -> int:
    return int(text[:-1]) * SECONDS[text[-1]]


def _bytes(text: str) -> int:
    return int(text[:-3]) * BYTES[text[-3:]]


BootTime = Annotated[int, Duration("10s", "2h")]
Deadline = Annotated[int, Duration("1s", "1d")]
RotateEvery = Annotated[int | None, Duration("15m", "90d", off=True)]
BackupEvery = Annotated[int | None, Duration("15m", "30d", off=True)]
CertExpiry = Annotated[int, Duration("1h", "3650d")]
DiskSize = Annotated[int, Size("GiB", "8GiB", "64TiB")]
Memory = Annotated[int, Size("B", "256MiB", "1TiB")]
