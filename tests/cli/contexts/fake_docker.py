"""Docker's client with its contexts, by folder of its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bootstrap.remote.runner import Result


@dataclass
class FakeDocker:
    """Remembers contexts as docker does: {folder: {name: (description, host)}}, and which one is in use."""

    contexts: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str]) -> Result:
        self.calls.append(tuple(argv))
        self.environments.append(environment)
        folder = environment["DOCKER_CONFIG"]
        here = self.contexts.setdefault(folder, {})
        _, verb, *rest = argv
        if verb == "inspect":
            return self._inspect(here, rest[0])
        if verb in {"create", "update"}:
            assert (rest[0] in here) is (verb == "update"), "docker refuses that"
            here[rest[0]] = (rest[2], rest[4].removeprefix("host="))
        elif verb == "ls":
            used = self.used.get(folder, "default")
            return Result(0, "".join(f"{str(one == used).lower()} {one}\n" for one in ("default", *here)))
        elif verb == "use":
            self.used[folder] = rest[0]
        elif verb == "rm":
            assert self.used.get(folder) != rest[1], "docker's configuration would name a context that is gone"
            del here[rest[1]]
        return Result(0)

    def _inspect(self, here: dict[str, tuple[str, str]], name: str) -> Result:
        if name not in here:
            return Result(1, "[]\n", f'context "{name}": context not found: open meta.json: no such file or directory')
        description, host = here[name]
        shown = {"Name": name, "Metadata": {"Description": description}, "Endpoints": {"docker": {"Host": host}}}
        return Result(0, json.dumps([shown]))
