"""Log lines on stderr, as text or JSON, with every secret cut out of the finished line."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import TextIO

REDACTED = "<redacted>"

_SECRETS = re.compile(
    r"SWMTKN-[0-9]-[0-9A-Za-z-]+"  # join tokens
    r"|SWMKEY-[0-9]-[0-9A-Za-z+/=_-]+"  # unlock keys
    r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS access keys
    r"|\bya29\.[0-9A-Za-z_.-]+",  # Google access tokens
    re.DOTALL,
)
_HEADERS = re.compile(
    r"""((?:authorization|x-amz-security-token|x-aws-ec2-metadata-token|x-registry-auth)["']?\s*[:=]\s*)[^\r\n]+""",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text without join tokens, unlock keys, private keys, access keys and the values of secret headers."""
    return _HEADERS.sub(rf"\g<1>{REDACTED}", _SECRETS.sub(REDACTED, text))


class _Utc(logging.Formatter):
    """Nodes, clouds and laptops agree on UTC only."""

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        """Seconds since the epoch, taken apart."""
        return time.gmtime(seconds)


class TextFormat(_Utc):
    """`12:01:07 INFO bootstrap.providers.local: prod-web-1: booting`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The finished line, its traceback included, redacted."""
        return redact(super().format(record))


class JsonFormat(_Utc):
    """One JSON object in a line: time (ISO 8601), level, logger, message and, where there is one, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The finished line; values are redacted before they are quoted, so that newlines are still newlines."""
        line = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def setup(*, verbose: int = 0, form: str = "text", stream: TextIO | None = None) -> None:
    """Send our log lines to `stream` (stderr): warnings; with `verbose` 1 ours in full, with 2 the libraries' as well.

    `form` is "text" or "json". Called again, it replaces what it set up before.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormat() if form == "json" else TextFormat())
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose > 1 else logging.WARNING, force=True)
    logging.getLogger("bootstrap").setLevel(logging.DEBUG if verbose else logging.WARNING)
