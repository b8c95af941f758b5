# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes down what a ServerApp sent, received and made of it; support/rounds.py reads it.

    DIR/round-1/global.npz      the arrays that the round started from
    DIR/round-1/train-<id>.npz  the arrays that node <id> sent back
    DIR/round-1/train.json      every train reply: node, number of examples, metrics, error; and the metrics' aggregate
    DIR/round-1/aggregate.npz   the arrays that the strategy made of them
    DIR/round-1/evaluate.json   as train.json
    DIR/finished                written when the strategy has returned

A JSON file is complete when it exists, and is written after the arrays that it goes with.
"""

import json
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]


class Recorder:
    """One folder of one run."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def save_global(self, server_round: int, arrays: Arrays) -> None:
        self._save(server_round, "global", arrays)

    def save_aggregate(self, server_round: int, arrays: Arrays | None) -> None:
        if arrays is not None:
            self._save(server_round, "aggregate", arrays)

    def save_arrays(self, server_round: int, node_id: int, arrays: Arrays) -> None:
        self._save(server_round, f"train-{node_id}", arrays)

    def save_replies(self, server_round: int, phase: str, replies: list[dict], aggregate: dict | None) -> None:
        """A reply: node_id and either num_examples and metrics, or error: {code, reason}."""
        path = self._path(server_round, f"{phase}.json")
        self._write(path, json.dumps({"replies": replies, "aggregate": aggregate}, indent=1))

    def finish(self) -> None:
        self._write(self.folder / "finished", "")

    def _path(self, server_round: int, name: str) -> Path:
        folder = self.folder / f"round-{server_round}"
        folder.mkdir(exist_ok=True)
        return folder / name

    def _save(self, server_round: int, name: str, arrays: Arrays) -> None:
        np.savez(self._path(server_round, f"{name}.npz"), **arrays)

    def _write(self, path: Path, text: str) -> None:
        partial = path.with_name(path.name + ".part")
        partial.write_text(text)
        partial.rename(path)
