# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Programs that the tests start, watch and stop, together with everything that those start in turn."""

from __future__ import annotations

import ctypes
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Every process started here carries this variable, and so does whatever it starts: stock Flower puts some of its
# children into sessions of their own, which process groups would not reach.
_TAG = "FLWRCPP_INTEROP_TAG"
_SESSION = uuid.uuid4().hex
_numbers = itertools.count(1)

_POLL = 0.05


class ProcessError(AssertionError):
    """A program did not do what a test waited for; the text holds the end of its output."""


def wait_until(condition: Callable[[], T], timeout: float, what: str) -> T:
    """Polls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        if result := condition():
            return result
        if time.monotonic() >= deadline:
            raise ProcessError(f"timed out after {timeout:g} s waiting for {what}")
        time.sleep(_POLL)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, outside the range that outgoing connections take theirs from."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ProcessError("no free port between 20000 and 32000")


def accepts_connections(address: str) -> bool:
    """Whether something listens on `host:port`."""
    host, port = address.split(":")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, int(port))) == 0


class Process:
    """One program with its output in two files; `stop` ends it and all its descendants."""

    started: list[Process] = []

    def __init__(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        log_dir: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.command = [os.fspath(part) for part in command]
        number = next(_numbers)
        log_dir.mkdir(parents=True, exist_ok=True)
        self.logs = {stream: log_dir / f"{number:03}-{name}.{stream}" for stream in ("out", "err")}
        self._tag = f"{_SESSION}.{number}"
        self._asked_to_end = False
        with self.logs["out"].open("wb") as out, self.logs["err"].open("wb") as err:
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **(env or {}), _TAG: self._tag},
                cwd=cwd or log_dir,
                start_new_session=True,  # a Ctrl-C at the terminal is for pytest, which then stops each in order
                preexec_fn=_end_with_parent,
            )
        self.pid = self._popen.pid
        Process.started.append(self)

    @property
    def returncode(self) -> int | None:
        """The exit code (negative: the signal it died of), None while it runs."""
        return self._popen.poll()

    def pids(self) -> set[int]:
        """Itself and everything that it started, directly or not, and that still runs."""
        return _tagged(self._tag) | {self.pid}

    def output(self, *streams: str) -> str:
        """What it wrote so far to `out` and `err`, or to the named ones, without colours."""
        texts = (self.logs[s].read_text(errors="replace") for s in streams or ("out", "err"))
        return re.sub(r"\x1b\[[0-9;]*m", "", "".join(texts))

    def tail(self, lines: int = 25) -> str:
        """The end of its output, to be read by a person."""
        parts = [f"{self.name} (pid {self.pid}, {self._state()}): {' '.join(self.command)}"]
        for stream in self.logs:
            last = self.output(stream).splitlines()[-lines:]
            parts += [f"--- {self.name} {stream}", *last] if last else []
        return "\n".join(parts)

    def wait_for_line(self, pattern: str, timeout: float = 30, *, stream: str | None = None) -> re.Match[str]:
        """Waits until a line matches `pattern`; fails at once when the program ends without having written it."""
        regex = re.compile(pattern, re.MULTILINE)
        streams = (stream,) if stream else ()

        def found() -> re.Match[str] | None:
            ended = self.returncode is not None  # asked before reading, so that last words are not missed
            match = regex.search(self.output(*streams))
            if match is None and ended:
                raise ProcessError(f"{self.name} ended before it wrote /{pattern}/\n{self.tail()}")
            return match

        try:
            return wait_until(found, timeout, f"{self.name} to write /{pattern}/")
        except ProcessError as error:
            raise ProcessError(f"{error}\n{self.tail()}") from None

    def wait(self, timeout: float) -> int:
        """Waits until it ends by itself and returns the exit code."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{self.name} still runs after {timeout:g} s\n{self.tail()}") from None

    def kill(self) -> None:
        """Ends it and its descendants the hard way, as a power cut would."""
        for pid in self.pids():
            if pid != self.pid or self.returncode is None:
                _send(pid, signal.SIGKILL)
        self._popen.wait(10)
        wait_until(lambda: not _tagged(self._tag), 10, f"the descendants of {self.name} to end")

    def ask_to_end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Sends one signal, once: a second one makes stock programs leave without a goodbye."""
        if not self._asked_to_end and self.returncode is None:
            self._popen.send_signal(number)
        self._asked_to_end = True

    def stop(self, *, grace: float = 20) -> int:
        """Asks it to end, then insists; returns the exit code. Descendants that outlive it by 5 s are killed."""
        if self.returncode is None:
            self.ask_to_end()
            try:
                self._popen.wait(grace)
                wait_until(lambda: not _tagged(self._tag), 5, "descendants")
            except (subprocess.TimeoutExpired, ProcessError):
                pass
        self.kill()
        return self._popen.returncode

    def _state(self) -> str:
        return "running" if self.returncode is None else f"exit code {self.returncode}"


def stop_leftovers() -> list[str]:
    """Kills every process of this test session that still runs; returns what they were."""
    left = []
    for pid in _tagged(_SESSION):
        left.append(f"{pid}: {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}")
        _send(pid, signal.SIGKILL)
    return left


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _tagged(tag: str) -> set[int]:
    """The ids of the processes whose tag is `tag` or begins with it and a dot."""
    exact, prefix = f"{_TAG}={tag}".encode(), f"{_TAG}={tag}.".encode()
    pids = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(v == exact or v.startswith(prefix) for v in variables):
            pids.add(int(folder.name))
    return pids


_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Runs in the child: when pytest itself is killed, the program gets a SIGTERM."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
