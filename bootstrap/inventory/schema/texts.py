"""Strings with a form: names, labels, addresses of images, versions, paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from bootstrap.inventory.schema.block import bad, shown

MAX_LINE = 1024
ENGINE_NETWORKS = {"bridge", "docker_gwbridge", "host", "ingress", "none"}  # what they make by themselves
RESERVED_LABELS = ("bootstrap.", "com.docker.", "io.docker.", "org.dockerproject.")


@dataclass(frozen=True)
class Form:
    """A string that must match `pattern` as a whole; `what` says what it is not."""

    code: str
    pattern: str
    what: str
    hint: str
    limit: int = MAX_LINE

    def check(self, value: str) -> str:
        """The string itself."""
        if len(value) > self.limit:
            raise bad(self.code, f"{shown(value)} is longer than {self.limit} characters", self.hint)
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise bad(self.code, f"{shown(value)} is no {self.what}", self.hint)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "pattern": f"^(?:{self.pattern})$", "maxLength": self.limit}


def _one_line(value: str) -> str:
    if not value or len(value) > MAX_LINE or "\n" in value:
        raise bad("E022", "expected one line of text", f"write 1 to {MAX_LINE} characters without a line break")
    return value


def _label_key(value: str) -> str:
    prefix = next((one for one in RESERVED_LABELS if value.startswith(one)), None)
    if prefix:
        raise bad("E050", f"labels that begin with '{prefix}' are reserved", "choose another prefix")
    return value


def _network(value: str) -> str:
    if value in ENGINE_NETWORKS:
        raise bad("E023", f"'{value}' is a network of every engine", "choose another name")
    return value


_NAME = "[a-z]([a-z0-9-]{0,%d}[a-z0-9])?"
_NAME_HINT = "use a to z, 0 to 9 and dashes, a letter first, at most %d characters"

Line = Annotated[str, AfterValidator(_one_line)]
ClusterName = Annotated[
    str, Form("E023", _NAME % 30, "cluster name", _NAME_HINT % 32 + ": it is part of host and cloud names")
]
PoolName = Annotated[str, Form("E023", _NAME % 20, "pool name", _NAME_HINT % 22 + ": it is part of host names")]
ZoneName = Annotated[
    str, Form("E034", "[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?", "zone name", "use a to z, 0 to 9 and dashes, at most 20")
]
NetworkName = Annotated[
    str,
    Form("E023", "[a-z0-9][a-zA-Z0-9_.-]{0,62}", "network name", "use letters, digits, dots, dashes, at most 63"),
    AfterValidator(_network),
]
StackName = Annotated[
    str, Form("E023", "[a-z0-9][a-z0-9_-]{0,62}", "stack name", "use a to z, 0 to 9, dashes, at most 63 characters")
]
VariableName = Annotated[
    str, Form("E023", "[A-Za-z_][A-Za-z0-9_]*", "variable name", "use letters, digits and underscores", 128)
]
LabelKey = Annotated[
    str,
    Form("E050", "[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?", "label key", "use letters, digits, . _ / and -", 128),
    AfterValidator(_label_key),
]
LabelValue = Annotated[
    str, Form("E050", "[^\\n\\r\\t]*", "label value", "write one line of at most 256 characters", 256)
]
EngineVersion = Annotated[
    str,
    Form("E052", r"\d{1,3}\.\d{1,3}\.\d{1,3}", "exact engine version", 'pin all three numbers, as in "29.1.3"', 16),
]
PackageName = Annotated[
    str, Form("E023", "[a-z0-9][a-zA-Z0-9+._:~=-]*", "package name", "one name per item, name=version pins it", 128)
]
SysctlKey = Annotated[
    str, Form("E023", "[a-z0-9]+([._/-][A-Za-z0-9*_-]+)+", "sysctl key", "write it as in net.core.somaxconn", 128)
]
UserName = Annotated[
    str, Form("E053", "[a-z_][a-z0-9_-]{0,30}[$]?", "user name", "use a to z, 0 to 9, dashes and underscores", 32)
]
RegistryName = Annotated[
    str, Form("E035", r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:\d{1,5})?", "registry", "write host or host:port", 255)
]
ProxyUrl = Annotated[
    str, Form("E035", r"https?://[A-Za-z0-9.\[\]:-]+/?", "proxy URL", "write it as in http://proxy.example:3128", 255)
]
FilePath = Annotated[str, Form("E001", "[^\\n\\r\\t]+", "path", "give a path from the inventory's directory", 512)]
