# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes under test: our C++ programs, or stock SuperNodes in their place to try out the tests themselves."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path

from .processes import Process
from .programs import Reachable, our_program
from .stock import Stock, SuperLink, security_options, start_supernode

READY_TIMEOUT = 30.0


@dataclass(frozen=True)
class NodeOptions:
    """What a node is started with, whichever program it is."""

    partition: int = 0
    partitions: int = 2
    root_certificates: Path | None = None  # none: --insecure
    private_key: Path | None = None
    transport: str | None = None  # none: the node finds out by itself
    extra: tuple[str, ...] = ()  # more options, which C++ nodes and stock ones spell alike
    config: str = ""  # more of its own config

    @property
    def node_config(self) -> str:
        return f"partition-id={self.partition} num-partitions={self.partitions} {self.config}".strip()

    @property
    def security(self) -> list[str]:
        return security_options(self.root_certificates, self.private_key)


@dataclass
class Node:
    """A node that has joined its SuperLink."""

    process: Process
    node_id: int

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to leave, waits, and returns its exit code."""
        self.process.ask_to_end(number)
        return self.process.wait(30)

    def crash(self) -> None:
        """Ends it without giving it a chance to say goodbye."""
        self.process.kill()


class Nodes:
    """Starts nodes for one test and ends those that the test did not end."""

    # How a node that was turned away explains itself, by reason.
    refusals: dict[str, str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._nodes: list[Node] = []
        self._processes: list[Process] = []

    def launch(self, superlink: SuperLink | Reachable, options: NodeOptions, program: str = "client_app") -> Process:
        """Starts a node without waiting for it to join."""
        process = self._start(superlink, options, program)
        self._processes.append(process)
        return process

    def start(self, superlink: SuperLink, options: NodeOptions, program: str = "client_app") -> Node:
        """Starts a node and waits until it has joined."""
        (node,) = self.start_all(superlink, [options], program)
        return node

    def start_all(self, superlink: SuperLink, options: list[NodeOptions], program: str = "client_app") -> list[Node]:
        """Starts several nodes at once, and waits until all have joined."""
        processes = [self.launch(superlink, each, program) for each in options]
        nodes = [Node(process, self._wait_until_ready(process, superlink)) for process in processes]
        self._nodes += nodes
        return nodes

    def stop_all(self) -> bool:
        """Ends all nodes; returns whether each left its SuperLink in good order, when the test ended none itself."""
        orderly = True
        for process in self._processes:
            process.ask_to_end()
        for process in self._processes:
            orderly &= process.stop() == 0
        return orderly

    def assert_refused(self, process: Process, reason: str, timeout: float = 60) -> None:
        """The program gives up by itself, with an exit code and a sentence that tells why."""
        code = process.wait(timeout)
        assert code not in (0, None) and code > 0, process.tail()
        self._assert_explained(process, self.refusals[reason])

    def _start(self, superlink: SuperLink | Reachable, options: NodeOptions, program: str) -> Process:
        raise NotImplementedError

    def _wait_until_ready(self, process: Process, superlink: SuperLink) -> int:
        raise NotImplementedError

    def _assert_explained(self, process: Process, pattern: str) -> None:
        raise NotImplementedError


class CppNodes(Nodes):
    """The programs in $FLWRCPP_BIN."""

    refusals = {
        "wrong-ca": r"(?i)certificate",
        "no-tls": r"(?i)TLS|certificate",
        "unknown-key": r"(?i)not registered|unknown|regist",
        "no-key": r"(?i)authentication|key",
        "bad-key": r"(?i)private key",
    }

    def _start(self, superlink: SuperLink | Reachable, options: NodeOptions, program: str) -> Process:
        command = [our_program(program), "--superlink", superlink.fleet_address, "--node-config", options.node_config, *options.security]
        command += ["--transport", options.transport] if options.transport else []
        if program == "client_app":
            command += ["--dataset", "fashion-mnist", "--partitioner", "contiguous", "--samples", "500", "--device", "cpu"]
        environment = {"OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        return Process(program, [*command, *options.extra], self.folder, env=environment)

    def _wait_until_ready(self, process: Process, superlink: SuperLink) -> int:
        ready = process.wait_for_line(r"^Node (\d+) connected to (\S+) \((\w+)\)$", READY_TIMEOUT, stream="out")
        assert ready.group(2, 3) == (superlink.fleet_address, superlink.wire)
        return int(ready[1])

    def _assert_explained(self, process: Process, pattern: str) -> None:
        errors = [line for line in process.output("err").splitlines() if line.startswith("error: ")]
        assert len(errors) == 1 and re.search(pattern, errors[0]), f"{process.tail()}\nexpected one error: /{pattern}/"


@dataclass(frozen=True)
class StandIns:
    """Which stock SuperNode stands in on which wire: since 1.40 they know HTTP only, before that gRPC only."""

    http: Stock
    grpc: Stock

    def on(self, wire: str) -> Stock:
        return self.http if wire == "http" else self.grpc


class StockNodes(Nodes):
    """Stock SuperNodes, which run the ClientApp that the run brings along."""

    refusals = {
        "wrong-ca": r"(?i)certificate|handshake|retr",
        "no-tls": r"(?i)disconnected|retr|protocol",
        "unknown-key": r"(?i)2004|authenticat|invalid",
        "no-key": r"(?i)2001|authenticat|register",
        "bad-key": r"(?i)private key|Unable to parse",
    }

    def __init__(self, folder: Path, stand_ins: StandIns) -> None:
        super().__init__(folder)
        self.stand_ins = stand_ins

    def _start(self, superlink: SuperLink | Reachable, options: NodeOptions, program: str) -> Process:
        return start_supernode(
            self.stand_ins.on(superlink.wire),
            self.folder,
            superlink.fleet_address,
            node_config=options.node_config,
            security=options.security,
            extra=list(options.extra),
        )

    def _wait_until_ready(self, process: Process, superlink: SuperLink) -> int:
        return int(process.wait_for_line(r"SuperNode ID: (\d+)", READY_TIMEOUT)[1])

    def _assert_explained(self, process: Process, pattern: str) -> None:
        assert re.search(pattern, process.output()), process.tail()
