# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""The main job as users start it: what it leaves behind, and how it ends when something is wrong. CTest calls this."""

import csv
import json
import os
import re
import select
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
WAIT = 180  # seconds for anything to happen


class Quickstart:
    """A quickstart under way, of two clients."""

    def __init__(self, out: Path, *options: str) -> None:
        self.process = subprocess.Popen([SOURCE / "quickstart", "--clients", "2", "--out", out, *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for(self, pattern: bytes) -> None:
        """Reads its output until a line matches."""
        seen = b""
        while not re.search(pattern, seen, re.MULTILINE):
            ready, _, _ = select.select([self.process.stdout], [], [], WAIT)
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not chunk:
                self.stop()
                raise AssertionError(f"no {pattern!r} in {seen!r}, {self.process.stderr.read()!r}")
            seen += chunk

    def children(self) -> dict[int, str]:
        """The programs it has started, by process id: their command lines."""
        pid = self.process.pid
        ids = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        lines = {child: Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode() for child in ids}
        return {child: line for child, line in lines.items() if "/server_app " in line or "/client_app " in line}

    def end(self) -> tuple[int, str, str]:
        """Its exit code, the rest of its output, and its errors."""
        out, errors = self.process.communicate(timeout=WAIT)
        return self.process.returncode, out.decode(), errors.decode()

    def stop(self) -> None:
        """Lets it end what it started, if a test has failed before it did."""
        self.process.terminate()
        self.process.wait(WAIT)


class QuickstartTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name) / "out"

    def start(self, *options: str) -> Quickstart:
        quickstart = Quickstart(self.out, *options)
        self.addCleanup(quickstart.stop)
        return quickstart

    def assert_gone(self, children: dict[int, str]) -> None:
        self.assertEqual(len(children), 3, children)
        for child, line in children.items():
            self.assertFalse(Path(f"/proc/{child}").exists(), f"left behind: {line}")

    def assert_one_error(self, errors: str, pattern: str) -> None:
        self.assertRegex(errors, rf"\Aquickstart: error: [^\n]*{pattern}[^\n]*\n\Z")

    def test_learns(self) -> None:
        code, out, errors = self.start("--rounds", "2").end()

        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(out, r"(?m)^Round 2/2: trained by 2 nodes, .*test accuracy 0\.[78]")
        self.assertIn(f"Model, metrics and report: {self.out}", out)
        self.assertTrue({"model.npz", "checkpoint-002.npz", "metrics.json", "metrics.csv", "report.html", "logs"}
                        <= set(os.listdir(self.out)))
        rounds = json.loads((self.out / "metrics.json").read_text())["rounds"]
        with (self.out / "metrics.csv").open() as file:
            self.assertEqual(len(list(csv.DictReader(file))), len(rounds))
        self.assertGreater(rounds[2]["test_accuracy"], 0.7)
        report = (self.out / "report.html").read_text()
        self.assertIn("<svg", report)
        self.assertNotRegex(report, r"(src|href)=\"http")

    def test_a_wrong_command_line(self) -> None:
        for options, expected in [
            (["--rounds", "0"], "--rounds is '0'"),
            (["--clients", "-3"], "--clients is '-3'"),
            (["--nope"], "unknown option --nope"),
            (["--alpha"], "--alpha needs a value"),
            (["--lr", "-1"], "--lr: -1, expected a number above 0"),
            (["--dataset", "mnist"], "--dataset: mnist not in {fashion-mnist,cifar10}"),
            (["--strategy", "Nope"], "unknown strategy 'Nope', expected FedAvg, "),
            (["--strategy", "FedAdam", "--strategy-config", "eta=-1"], "FedAdam: eta is -1"),
            (["--partitioner", "nope"], "unknown partitioner 'nope', expected iid, "),
            (["--partitioner", "dirichlet", "--alpha", "-1"], "alpha is -1"),
        ]:
            with self.subTest(options):
                code, out, errors = self.start(*options).end()
                self.assertEqual((code, out), (2, ""))
                self.assert_one_error(errors, re.escape(expected))
        self.assertFalse(self.out.exists())

    def test_what_cannot_work(self) -> None:
        file = self.out.parent / "file"
        file.write_text("not a folder")
        for options, expected in [
            (["--data-dir", "/nonexistent"], "the server did not start: .*/nonexistent"),
            (["--dataset", "cifar10"], "the server did not start: .*cifar-10-binary"),
            (["--out", str(file)], "cannot make the folder .*: Not a directory"),
        ]:
            with self.subTest(options):
                code, _, errors = self.start(*options).end()
                self.assertEqual(code, 1)
                self.assert_one_error(errors, expected)

    def test_a_client_that_dies(self) -> None:
        quickstart = self.start("--rounds", "1000")
        quickstart.wait_for(rb"^Round 1/")
        children = quickstart.children()
        victim = next(child for child, line in children.items() if "partition-id=1" in line)
        os.kill(victim, signal.SIGKILL)
        code, _, errors = quickstart.end()

        self.assertEqual(code, 1)
        self.assert_one_error(errors, rf"client 1 ended with exit code 137 \(log: {self.out}/logs/client-1.log\)")
        self.assert_gone(children)

    def test_interrupted(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                quickstart = self.start("--rounds", "1000")
                quickstart.wait_for(rb"^Round 1/")
                children = quickstart.children()
                quickstart.process.send_signal(number)
                code, _, errors = quickstart.end()

                self.assertEqual(code, 130)
                self.assertEqual(errors, f"quickstart: interrupted; what was learned so far is in {self.out}\n")
                self.assert_gone(children)
                self.assertTrue((self.out / "checkpoint-001.npz").exists())


if __name__ == "__main__":
    unittest.main()
