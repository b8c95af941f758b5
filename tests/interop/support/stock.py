# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock Flower: its SuperLink (or ours in its place), its SuperNode and its command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import processes
from .processes import Process, ProcessError, accepts_connections, wait_until
from .releases import Release
from .rounds import Rounds
from .tls import Credentials
from .venvs import INTEROP

RUN_TIMEOUT = 150.0

_QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


@dataclass(frozen=True)
class Stock:
    """One release of Flower in its virtual environment."""

    release: str
    venv: Path
    in_haste: bool = True  # its executors look for work five times a second, not once
    ahead: Path | None = None  # a folder whose programs its own give way to

    @property
    def traits(self) -> Release:
        """What is peculiar to the release."""
        return Release.of(self.release)

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    def program(self, name: str) -> Path:
        return self.venv / "bin" / name

    def environment(self, home: Path) -> dict[str, str]:
        """Variables for its programs, which find each other on PATH and keep their state in `home`."""
        home.mkdir(parents=True, exist_ok=True)
        ahead = f"{self.ahead}:" if self.ahead else ""
        path = f"{ahead}{self.venv / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        haste = {"FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.2"} if self.in_haste else {}
        return {**_QUIET, **haste, "PATH": path, "FLWR_HOME": str(home), "VIRTUAL_ENV": str(self.venv)}


class Flwr:
    """The `flwr` command of a release, connected to a SuperLink."""

    def __init__(self, stock: Stock, folder: Path, address: str, credentials: Credentials | None = None) -> None:
        self.stock, self.folder, self.address, self.credentials = stock, folder, address, credentials
        self.environment = stock.environment(folder / "home")
        self._runs: list[Run] = []
        self._app = self._stage_app("app")
        trust = "insecure = true" if credentials is None else f'root-certificates = "{credentials.ca}"'
        text = f'[superlink]\ndefault = "local"\n[superlink.local]\naddress = "{address}"\n{trust}\n'
        (folder / "home" / "config.toml").write_text(text)

    def flwr(self, *arguments: str | Path) -> dict[str, Any]:
        """Runs `flwr`, the SuperLink and `--format json` added, and returns its answer."""
        text = self.flwr_text(*arguments, *self.stock.traits.cli_target(self._app), "--format", "json")
        try:
            answer = json.loads(text)
        except json.JSONDecodeError:
            answer = {"success": False}
        if not answer.get("success", True):  # not every answer has it
            raise ProcessError(f"flwr {' '.join(map(str, arguments))} failed\n{text}")
        return answer

    def flwr_text(self, *arguments: str | Path) -> str:
        """Runs `flwr` and returns what it printed."""
        command = [str(self.stock.program("flwr")), *map(str, arguments)]
        environment = {**self.environment, "COLUMNS": "200"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=self.folder)
        if done.returncode:
            raise ProcessError(f"{' '.join(command)} failed with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def nodes(self) -> dict[int, str]:
        """The status of every node that is still registered: registered, online or offline."""
        listed = self.flwr("supernode", "list")["nodes"]
        return {int(node["node-id"]): node["status"] for node in listed if node["status"] != "unregistered"}

    def register_node(self, public_key: Path) -> int:
        """Lets the owner of a key join a SuperLink that has SuperNode authentication; returns the node's id."""
        return int(self.flwr("supernode", "register", public_key)["node-id"])

    def log(self, run_id: int) -> str:
        """What `flwr log` shows of a run."""
        return self.flwr_text("log", str(run_id), *self.stock.traits.cli_target(self._app), "--show")

    def build_fab(self, kind: str = "") -> Path:
        """The FAB of stock_app, of a kind as `start_run` knows them."""
        self.flwr_text("build", "--app", self._stage_app(f"app-{kind}", kind) if kind else self._app)
        (fab,) = self.folder.glob("*.fab")
        return fab

    def start_run(self, record_to: Path, config: Mapping[str, Any], *, kind: str = "") -> Run:
        """Starts a run of the app in stock_app and returns as soon as the SuperLink has given it an id.

        `kind` is what its modules' names begin with: `legacy`, `secagg`, `clipping` (a ClientApp only), or nothing for the
        message-based federation.
        """
        kind = kind or ("" if self.stock.traits.has_strategies else "legacy")
        return self.start_app(self._stage_app(f"app-{kind}", kind) if kind else self._app, record_to, config)

    def start_app(self, app: Path, record_to: Path, config: Mapping[str, Any]) -> Run:
        """The same with any app that has a setting `record-to`; `flwr run` may write into its folder."""
        settings = " ".join(f"{key}={json.dumps(value)}" for key, value in {**config, "record-to": str(record_to)}.items())
        command = [self.stock.program("flwr"), "run", app, "local", "--stream", "--run-config", settings]
        process = Process("flwr-run", command, self.folder, env={**self.environment, "COLUMNS": "200"})
        run_id = int(process.wait_for_line(r"Successfully started run (\d+)")[1])
        run = Run(self, process, run_id, Rounds(record_to))
        self._runs.append(run)
        return run

    def run(self, record_to: Path, config: Mapping[str, Any], *, kind: str = "") -> Rounds:
        """Starts a run, waits until it has completed, and returns what its ServerApp wrote down."""
        run = self.start_run(record_to, config, kind=kind)
        status = run.wait()
        assert status == "finished:completed", f"run {run.run_id} ended as {status}\n{run.process.tail(60)}"
        return run.rounds

    def stop_runs(self) -> None:
        """Stops the runs that a test left unfinished."""
        for run in self._runs:
            if run.process.returncode is None:
                run.stop()
                run.process.stop()
        self._runs.clear()

    def _stage_app(self, name: str, kind: str = "") -> Path:
        """A copy of stock_app outside of the checkout, which `flwr run` may write into."""
        folder = self.folder / name
        if folder.exists():
            return folder
        shutil.copytree(INTEROP / "stock_app", folder, ignore=shutil.ignore_patterns("__pycache__"))
        project = folder / "pyproject.toml"
        text = project.read_text()
        for side in ("server", "client"):
            if (folder / "cnnapp" / f"{kind}_{side}_app.py").exists():
                text = text.replace(f"cnnapp.{side}_app:app", f"cnnapp.{kind}_{side}_app:app")
        project.write_text(text + self.stock.traits.project_connection(self.address))
        return folder


class SuperLink(Flwr):
    """A running SuperLink and the `flwr` command connected to it: stock's `flower-superlink`, or our `program`.

    With `grpc` its nodes are to use the gRPC Fleet API, which releases since 1.40 still hold behind a variable. Ours then
    listens for either kind of nodes.
    """

    def __init__(
        self,
        stock: Stock,
        folder: Path,
        *,
        grpc: bool = False,
        credentials: Credentials | None = None,
        node_auth: bool = False,
        program: Path | None = None,
        extra: Sequence[str | Path] = (),
    ) -> None:
        self.wire = "grpc" if grpc else "http"
        host, port = "127.0.0.1", processes.free_port()
        fleet_port = processes.free_port() if grpc else port
        control_port = port if program or stock.traits.has_http_control else processes.free_port()
        self.http_address = f"{host}:{port}"
        self.fleet_address = f"{host}:{fleet_port}"
        super().__init__(stock, folder, f"{host}:{control_port}", credentials)

        command: list[str | Path]
        if program:
            command = [program, "--host", host, "--port", str(port), "--disable-runtime-dependency-installation"]
            command += ["--grpc-port", str(fleet_port)] if grpc else []
        else:
            command = [stock.program("flower-superlink"), *stock.traits.superlink_options(host, port, fleet_port, control_port)]
        if credentials is None:
            command += ["--insecure"]
        else:
            command += ["--ssl-ca-certfile", credentials.ca]
            command += ["--ssl-certfile", credentials.certificate, "--ssl-keyfile", credentials.certificate_key]
        command += ["--enable-supernode-auth"] if node_auth else []
        command += extra
        self._command = command
        self._process_environment = {**self.environment, **({"FLWR_INTERNAL_GRPC_FLEET_API": "1"} if grpc else {})}
        self.process = self._start()

    def restart(self) -> None:
        """Starts it again after its process has been killed."""
        self.process = self._start()

    def address_on(self, wire: str) -> str:
        """Where nodes join that speak `wire`."""
        return self.fleet_address if wire == self.wire else self.http_address

    def stop(self) -> None:
        for run in self._runs:
            run.process.stop()
        self.process.stop()

    def _start(self) -> Process:
        process = Process("superlink", self._command, self.folder, env=self._process_environment)
        try:
            for address in {self.http_address, self.fleet_address, self.address}:
                ready = lambda: process.returncode is not None or accepts_connections(address)  # noqa: B023, E731
                wait_until(ready, 60, f"the SuperLink to listen on {address}")
            if process.returncode is not None:
                raise ProcessError("the SuperLink ended")
        except ProcessError as error:
            process.stop()
            raise ProcessError(f"{error}\n{process.tail()}") from None
        return process


@dataclass
class Run:
    """A run that was started with `flwr run --stream`."""

    superlink: Flwr
    process: Process
    run_id: int
    rounds: Rounds

    def status(self) -> str:
        """For example `running` or `finished:stopped`."""
        (run,) = self.superlink.flwr("ls", "--run-id", str(self.run_id))["runs"]
        return run["status"]

    def stop(self) -> None:
        """What `flwr stop` does."""
        self.superlink.flwr("stop", str(self.run_id))

    def wait(self, timeout: float = RUN_TIMEOUT) -> str:
        """Waits until it has finished, in whatever way, and returns the status."""
        wait_until(lambda: self.process.returncode is not None, timeout, f"run to finish\n{self.process.tail()}")
        return self.status()


def start_supernode(
    stock: Stock,
    folder: Path,
    superlink_address: str,
    *,
    node_config: str,
    security: list[str],
    extra: list[str] | None = None,
) -> Process:
    """Starts a stock `flower-supernode`; `security` is what `security_options` returns."""
    host, port = "127.0.0.1", str(processes.free_port())
    command = [stock.program("flower-supernode"), "--superlink", superlink_address]
    command += stock.traits.supernode_options(host, int(port))
    command += ["--node-config", node_config, *security, *(extra or [])]
    # Every node has its own home: stock nodes that share one would unpack the same app into the same folder.
    environment = stock.environment(folder / f"home-{port}")
    return Process("supernode", command, folder, env=environment)


def security_options(root_certificates: Path | None, private_key: Path | None) -> list[str]:
    """TLS and authentication options, which stock SuperNodes and C++ nodes spell alike."""
    options = ["--insecure"] if root_certificates is None else ["--root-certificates", str(root_certificates)]
    return options + (["--auth-supernode-private-key", str(private_key)] if private_key else [])
