"""The one door to the programs of this machine: `ip`, `nft`, `mmdebstrap` and the like."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from bootstrap.errors import BootstrapError
from bootstrap.remote.runner import Result

# Programs that the lab needs and the Debian packages that bring them.
PACKAGES = {
    "ip": "iproute2",
    "nft": "nftables",
    "iptables": "iptables",
    "mkfs.ext4": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
}
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def available(program: str) -> bool:
    """Whether this machine has the program."""
    return shutil.which(program, path=ENVIRONMENT["PATH"]) is not None


def missing(program: str) -> BootstrapError:
    """The error that says which package brings the program."""
    package = PACKAGES.get(program, program)
    return BootstrapError(
        f"the program {program} is not installed",
        where="this machine",
        fix=f"run `apt-get install {package}`",
        code="tool_missing",
    )


def attempt(argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
    """Run a program and wait; a non-zero code is a result. BootstrapError when it is not there or does not end."""
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT, check=False
        )
    except FileNotFoundError as error:
        raise missing(argv[0]) from error
    except OSError as error:
        raise BootstrapError(f"{argv[0]} cannot be run: {error.strerror}", where="this machine") from error
    except subprocess.TimeoutExpired as error:
        what = f"`{' '.join(argv)}` did not end within {timeout:.0f} s"
        raise BootstrapError(what, where="this machine", fix="run the same command again", code="timeout") from error
    return Result(done.returncode, done.stdout, done.stderr)


def run(argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> str:
    """Run a program, wait and give back its output; BootstrapError with its last lines when it fails."""
    result = attempt(argv, stdin=stdin, timeout=timeout)
    if result.code != 0:
        raise failed(argv, result)
    return result.stdout


def failed(argv: Sequence[str], result: Result) -> BootstrapError:
    """The error of a program that ended with another code than 0."""
    tail = "; ".join((result.stderr or result.stdout).strip().splitlines()[-5:]) or "it said nothing"
    return BootstrapError(
        f"`{' '.join(argv)}` ended with {result.code}: {tail}",
        where="this machine",
        fix="look at what it says, then run the same command again",
        code="command_failed",
    )
