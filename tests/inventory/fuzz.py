"""Mutates good inventories and asks that only problems or a cluster come out: `python -m tests.inventory.fuzz`.

A failure prints one line with the seed that reproduces it: `--n 1 --seed SEED`.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from bootstrap import inventory
from tests.inventory.cases import HERE, examples

CPU_SECONDS = 10  # a mutation of a file of two kilobytes that takes longer hangs
LINE = re.compile(r"[^\n]+:[1-9]\d*:[1-9]\d*: (error|warning)\[[EW]\d{3}\]: [^\n]+: [^\n]+; [^\n]+")
VALUES = (
    *(
        "",
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        ".nan",
        "010",
        "0x7fffffffffffffff",
        "9" * 400,
        "[]",
        "{}",
        "[[[[[[]]]]]]",
    ),
    *(
        '""',
        "'",
        '"',
        "&a",
        "*a",
        "!x y",
        "<<: *a",
        "{<<: {}}",
        "|",
        ">-",
        "- ",
        "? ",
        ": ",
        "#",
        "---",
        "...",
        "%YAML 1.1",
    ),
    *("${X}", "${", "$${", "${X:-${Y}}", "${HOME}", '"\\u202e"', '"\\ud800"', '"\\0"', "a" * 5000, "\t", "\u2028", "ÿ"),
    *("SWMTKN-1-a-b", "10.0.0.0/8", "0.0.0.0/0", "::/0", "fe80::1%eth0", "../../etc/passwd", "/dev/zero", "\x00", "@"),
    *("15m", "1000000000d", "50GiB", "ssh-ed25519 AAAA", "aws", "gcp", "ssh", "local", "managers", "*", "&", "!!map"),
    *("NO", "on", "y", "12:30:45", "-1:59.5"),
)
Mutation = Callable[[Random, bytes], bytes]


def _byte(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([random.randrange(256)]) + data[at + random.randrange(2) :]


def _cut(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at + random.randrange(1, 40) :]


def _lines(random: Random, data: bytes) -> bytes:
    """Drop, double, swap, indent or move a line."""
    lines = data.split(b"\n")
    one, two = random.randrange(len(lines)), random.randrange(len(lines))
    verb = random.randrange(5)
    if verb == 0:
        del lines[one]
    elif verb == 1:
        lines.insert(two, lines[one])
    elif verb == 2:
        lines[one], lines[two] = lines[two], lines[one]
    elif verb == 3:
        lines[one] = b" " * random.randrange(1, 5) + lines[one]
    else:
        lines[one] = lines[one].lstrip()
    return b"\n".join(lines)


def _value(random: Random, data: bytes) -> bytes:
    """Another value behind a colon."""
    text = data.decode("utf-8", "surrogateescape")
    places = [match.span() for match in re.finditer(r"(?<=: )[^\n,{}\[\]#]+", text)]
    if not places:
        return data
    start, end = random.choice(places)
    return (text[:start] + random.choice(VALUES) + text[end:]).encode("utf-8", "surrogateescape")


def _word(random: Random, data: bytes) -> bytes:
    """One word of the file in place of another: keys where they do not belong."""
    words = [match.span() for match in re.finditer(rb"[\w.-]+", data)]
    if not words:
        return data
    (start, end), (first, last) = random.choice(words), random.choice(words)
    return data[:start] + data[first:last] + data[end:]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(VALUES).encode("utf-8", "surrogateescape") + data[at:]


MUTATIONS: tuple[Mutation, ...] = (_byte, _cut, _lines, _value, _value, _word, _word, _insert)


def mutate(seed: int, corpus: list[bytes]) -> bytes:
    """A file with one to four mutations, the same for the same seed."""
    random = Random(seed)
    data = random.choice(corpus)
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        data = random.choice(MUTATIONS)(random, data or b" ")
    return data


def corpus() -> list[bytes]:
    """Every inventory that is good."""
    return [path.read_bytes() for path in (*sorted((HERE / "valid").glob("*.yml")), *examples())]


def complaint(path: Path) -> str | None:
    """What is wrong with how the file was read, or None. Anything that is raised is wrong as well."""
    reading = inventory.read(path, environ={"HOME": "/root", "NAME": "blue", "COUNT": "3"})
    if (reading.cluster is None) != bool(reading.errors):
        return "a cluster with errors, or neither"
    if len(reading.problems) > 50:
        return f"{len(reading.problems)} problems"
    for problem in reading.problems:
        if not LINE.fullmatch(str(problem)) or not str(problem).isprintable():
            return f"no line of the contract: {problem}"
        if problem.code == "E000":
            return f"unforeseen: {problem.what}"
    return None


def failures(seeds: range, folder: Path, seen: Counter[str] | None = None) -> Iterator[str]:
    """One line for each seed that fails, in a folder where the good files' hooks and stacks are."""
    files, path = corpus(), folder / "fuzz.yml"
    signal.signal(signal.SIGVTALRM, _too_long)
    for seed in seeds:
        path.write_bytes(mutate(seed, files))
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
        try:
            wrong = complaint(path)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            wrong = traceback.format_exception_only(error)[-1].strip()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if seen is not None:
            seen["failed" if wrong else "read"] += 1
        if wrong:
            yield f"seed {seed}: {wrong}"


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {CPU_SECONDS} s of CPU")


def furnished(folder: Path) -> Path:
    """A folder with the files that the good inventories name."""
    for source in (HERE / "valid").rglob("*"):
        if (source.is_file() and source.suffix != ".yml") or source.parent.name == "stacks":
            target = folder / source.relative_to(HERE / "valid")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return folder


def main() -> int:
    """Exit code 1 when any mutation failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20_000, help="how many mutations")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each mutation has its own")
    options = parser.parse_args()
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for line in failures(range(options.seed, options.seed + options.n), furnished(Path(folder)), seen):
            print(line)  # noqa: T201 - this is a program
    print(f"{options.n} mutations from seed {options.seed}: {seen['failed']} failed")  # noqa: T201
    return 1 if seen["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
