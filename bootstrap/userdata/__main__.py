"""How large are these scripts? `python -m bootstrap.userdata tests/golden/userdata/*.sh`."""

from __future__ import annotations

import sys
from pathlib import Path

from bootstrap.userdata.size import table

sys.stdout.write(table({Path(name).stem: Path(name).read_text(encoding="utf-8") for name in sys.argv[1:]}) + "\n")
