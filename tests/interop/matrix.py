#!/usr/bin/env python3
# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the interop matrix over all releases, and writes docs/interop.json, docs/interop.md and the README's table.

    tests/interop/matrix.py [--releases 1.23,1.30] [--roles node,superlink] [--bin build/release/bin]

Cells that are not run keep what the JSON says of them from an earlier day. Ends with 1 if a cell failed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from support.cells import (
    COMBINATIONS, FEDERATION, ROLES, combination_name, has_role
)  # fmt: skip
from support.releases import ALL, LATEST, TOO_OLD, find
from support.venvs import INTEROP, REPOSITORY, ensure_venv

JSON = REPOSITORY / "docs" / "interop.json"
PAGE = REPOSITORY / "docs" / "interop.md"
README = REPOSITORY / "README.md"

ALL_ROLES = ("combination", "federation", "refusal", *ROLES)

Cell = dict[str, Any]


def in_environment() -> None:
    """Goes on in the environment that the tests run in."""
    venv = ensure_venv(LATEST, torch=True)
    if Path(sys.prefix).resolve() != venv.resolve():
        python = str(venv / "bin" / "python")
        os.execv(python, [python, *sys.argv])


def run_cells(releases: list[str], roles: list[str], environment: dict[str, str]) -> list[Cell]:
    """Runs tests of test_matrix.py and returns what became of their cells."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "cells.json"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", INTEROP / "test_matrix.py", "--tb=short", "-q"]
        command += ["--releases", ",".join(releases), "--roles", ",".join(roles), "--cells", written]
        subprocess.run([str(part) for part in command], env={**os.environ, **environment}, cwd=INTEROP)
        return json.loads(written.read_text()) if written.exists() else []


def key(cell: Cell) -> tuple[str, str]:
    return cell["release"], cell["role"]


def merge(before: list[Cell], now: list[Cell]) -> list[Cell]:
    cells = {key(cell): cell for cell in [*before, *now]}
    return sorted(cells.values(), key=lambda cell: ([int(part) for part in cell["release"].split(".")], cell["role"]))


class Table:
    """What is known of each cell, also of those that no test was run for."""

    def __init__(self, cells: list[Cell]) -> None:
        self._cells = {key(cell): cell for cell in cells}
        self.notes: list[str] = []

    def result(self, release: str, role: str) -> str:
        if cell := self._cells.get((release, role)):
            return cell["result"]
        return "not run" if " × " in role or has_role(release, role) else "none"

    def mark(self, release: str, role: str) -> str:
        """The cell in a page; a failure gets a note."""
        result = self.result(release, role)
        if result == "failed":
            self.notes.append(f"{release}, {role}: {self._cells[release, role]['reason']}")
            return f"✗ ({len(self.notes)})"
        return {"passed": "✓", "none": "–"}.get(result, result)

    def date(self, release: str) -> str:
        """Of its oldest cell."""
        return min((cell["date"] for cell in self._cells.values() if cell["release"] == release), default="")


def ranges(table: Table, role: str) -> str:
    """The releases that passed, e.g. `1.20–1.36, 1.38–1.42`."""
    runs: list[list[str]] = []
    previous_passed = False
    for release in ALL:
        passed = table.result(release, role) == "passed"
        if passed:
            minor = release.rsplit(".", 1)[0]
            if previous_passed:
                runs[-1][1:] = [minor]
            else:
                runs.append([minor])
        previous_passed = passed
    return ", ".join("–".join(run) for run in runs)


def combination_rows(table: Table) -> list[str]:
    rows = ["| node | SuperLink | ServerApp | |", "|---|---|---|:---:|"]
    for sides in COMBINATIONS:
        rows.append(f"| {' | '.join(sides)} | {table.mark(LATEST, combination_name(sides))} |")
    return rows


def page(cells: list[Cell]) -> str:
    table = Table(cells)
    lines = [
        "<!-- SPDX-FileCopyrightText: The flwrcpp authors -->",
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        "",
        "# Interop matrix",
        "",
        "Written by `tests/interop/matrix.py` and not by hand; [interop.json](interop.json) has every cell with date, duration and",
        "reason. A ✓ is a test of [tests/interop/test_matrix.py](../tests/interop/test_matrix.py): real programs of that release train",
        "two rounds with ours, and what each node sent and what became of it equals what NumPy computes. ✗ is a failure, explained",
        "below; – is what the release has not; *not run* was not tried.",
        "",
        "    tests/interop/matrix.py                                # all of it: about half an hour on two cores",
        "    tests/interop/matrix.py --releases 1.23 --roles node   # a part, which replaces its cells",
        "",
        f"## Flower {LATEST}, all combinations",
        "",
        *combination_rows(table),
        "",
        f"One federation of SuperNodes of {', '.join(FEDERATION)} and of ours over both wires, on our SuperLink, which no stock one",
        f"offers: {table.mark(LATEST, 'federation')}",
        "",
        "## Releases",
        "",
        "| release | " + " | ".join(ROLES.values()) + " | date |",
        "|---|" + ":---:|" * len(ROLES) + "---|",
    ]
    for release in reversed(ALL):
        lines.append(f"| {release} | " + " | ".join(table.mark(release, role) for role in ROLES) + f" | {table.date(release)} |")
    lines += [
        "",
        "SuperLinks and SuperNodes speak gRPC up to 1.39 and HTTP from 1.40. Their ServerApps and `flwr` are those of the release,",
        f"those of our SuperLink, where nothing else is said, of {LATEST}. Before 1.37 `flwr` speaks gRPC, before 1.40 executors and",
        "ServerApps have another API, and neither works with our SuperLink. A release newer than all these is treated like the newest",
        f"one, with a warning in the log. Nodes and SuperLinks before 1.20 are refused in words that name 1.20, tried with {TOO_OLD}:",
        table.mark(TOO_OLD, "refusal"),
    ]
    if table.notes:
        lines += ["", "## Failures", ""] + [f"{number}. {note}" for number, note in enumerate(table.notes, 1)]
    return "\n".join(lines) + "\n"


def summary(cells: list[Cell]) -> str:
    """The README's table."""
    table = Table(cells)
    rows = ["| | Flower |", "|---|---|"]
    rows += [f"| {words} | {ranges(table, role) or 'not run'} |" for role, words in ROLES.items()]
    return "\n".join([*rows, "", f"Of {LATEST}, by who is node, SuperLink and ServerApp:", "", *combination_rows(table)])


def write(cells: list[Cell]) -> None:
    about = {"written": datetime.datetime.now(datetime.timezone.utc).date().isoformat(), "latest": LATEST}
    lines = ",\n  ".join(json.dumps(cell, ensure_ascii=False) for cell in cells)
    head = json.dumps(about)[1:-1]
    JSON.write_text(f'{{{head},\n "cells": [\n  {lines}\n ]}}\n')
    PAGE.write_text(page(cells))
    begin, end = "<!-- interop: begin -->", "<!-- interop: end -->"
    text = README.read_text()
    README.write_text(re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n\n{summary(cells)}\n\n{end}", text, flags=re.DOTALL))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", help="such as 1.23,1.39.0 (default: all, the latest patch of each)")
    parser.add_argument("--roles", help=f"some of {', '.join(ALL_ROLES)} (default: all)")
    parser.add_argument("--bin", type=Path, default=REPOSITORY / "build" / "release" / "bin", help="where our programs are")
    parser.add_argument("--pages-only", action="store_true", help="run nothing, write the pages anew from the JSON")
    arguments = parser.parse_args()
    releases = [find(text) for text in arguments.releases.split(",")] if arguments.releases else list(ALL)
    roles = arguments.roles.split(",") if arguments.roles else list(ALL_ROLES)
    os.environ.setdefault("FLWRCPP_BUILD_DIR", str(REPOSITORY / "build" / "release"))
    in_environment()

    before = json.loads(JSON.read_text())["cells"] if JSON.exists() else []
    now = [] if arguments.pages_only else run_cells(releases, roles, {"FLWRCPP_BIN": str(arguments.bin.resolve())})
    cells = merge(before, now)
    write(cells)
    failed = [cell for cell in now if cell["result"] != "passed"]
    for cell in failed:
        print(f"{cell['release']} {cell['role']}: {cell['result']}: {cell['reason']}")
    print(f"{len(now)} cells, {len(failed)} of them not passed; see {PAGE.relative_to(REPOSITORY)}")
    return 1 if failed or not (now or arguments.pages_only) else 0


if __name__ == "__main__":
    sys.exit(main())
