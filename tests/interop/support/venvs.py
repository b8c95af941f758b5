# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Virtual environments with one release of stock Flower each.

As a program it prints the folder of the environment, after making it if needed:

    python3 tests/interop/support/venvs.py 1.42.0 [--torch] [--build-dir DIR]

Environments live in $FLWRCPP_BUILD_DIR/interop-venvs and are kept between runs. Everything in them is pinned by
requirements-<release>.txt; a changed pin makes a new environment. A release without such a file gets what it asks for
in the newest versions there are on the day.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

INTEROP = Path(__file__).resolve().parent.parent
REPOSITORY = INTEROP.parent.parent

# The file written last: an environment without it was never finished.
_MARKER = "flwrcpp-complete"


def build_dir() -> Path:
    """The folder that everything made by the tests goes under."""
    return Path(os.environ.get("FLWRCPP_BUILD_DIR") or REPOSITORY / "build").resolve()


def requirements(release: str) -> str:
    """What pip is to install for a release, in the form of a requirements file."""
    pins = INTEROP / f"requirements-{release}.txt"
    # numpy < 2 as in the pinned ones.
    return pins.read_text() if pins.exists() else f"flwr=={release}\nnumpy<2\n"


def ensure_venv(release: str, *, torch: bool = False, base: Path | None = None) -> Path:
    """Returns the folder of an environment with Flower `release`, making it first if there is none.

    With `torch` the environment also sees the system's packages, Debian's python3-torch among them: the wheel
    of the registry is ten times larger and is not the libtorch that the C++ side links.
    """
    wanted = requirements(release) + (INTEROP / "requirements-runner.txt").read_text()
    python = _base_python()
    fingerprint = hashlib.sha256()
    for part in (wanted, str(torch), python):
        fingerprint.update(part.encode() + b"\0")

    venv = (base or build_dir()) / "interop-venvs" / (f"flwr-{release}" + ("-torch" if torch else ""))
    venv.parent.mkdir(parents=True, exist_ok=True)
    with _lock(venv.parent / f"{venv.name}.lock"):
        marker = venv / _MARKER
        if marker.exists() and marker.read_text() == fingerprint.hexdigest():
            return venv
        shutil.rmtree(venv, ignore_errors=True)
        _run([python, "-m", "venv", *(["--system-site-packages"] if torch else []), str(venv)])
        listed = venv / "flwrcpp-requirements.txt"
        listed.write_text(wanted)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        _run([*pip, "-r", str(listed)])
        if torch:
            _run([str(venv / "bin" / "python"), "-c", "import torch"], "python3-torch is not installed")
        marker.write_text(fingerprint.hexdigest())
    return venv


def _base_python() -> str:
    """The interpreter that environments are made from: the system's, since only that one sees Debian's torch."""
    system = "/usr/bin/python3"
    if not os.access(system, os.X_OK):
        return sys.executable
    has_venv = subprocess.run([system, "-c", "import ensurepip"], capture_output=True).returncode == 0
    return system if has_venv else sys.executable


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Two callers that want the same environment: the second waits until the first has made it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command: list[str], hint: str = "") -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{hint or 'command failed'}: {' '.join(command)}\n{done.stdout}{done.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a virtual environment with stock Flower and print its folder.")
    parser.add_argument("release")
    parser.add_argument("--torch", action="store_true", help="let it see the system's packages, python3-torch among them")
    parser.add_argument("--build-dir", type=Path, help="instead of $FLWRCPP_BUILD_DIR")
    arguments = parser.parse_args()
    try:
        print(ensure_venv(arguments.release, torch=arguments.torch, base=arguments.build_dir))
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
