# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Stock Flower: its SuperLink (or ours in its place), its SuperNode and its command line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import processes
from .processes import Process, ProcessError, wait_until
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

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    def program(self, name: str) -> Path:
        return self.venv / "bin" / name

    def environment(self, home: Path) -> dict[str, str]:
        """Variables for its programs, which find each other on PATH and keep their state in `home`."""
        home.mkdir(parents=True, exist_ok=True)
        path = f"{self.venv / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        haste = {"FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.2"} if self.in_haste else {}
        return {**_QUIET, **haste, "PATH": path, "FLWR_HOME": str(home), "VIRTUAL_ENV": str(self.venv)}


class SuperLink:
    """A running SuperLink and the `flwr` command connected to it: stock's `flower-superlink`, or our `program`.

    With `grpc` its nodes are to use the gRPC Fleet API, which releases since 1.40 still hold behind a variable.
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
        self.stock, self.credentials = stock, credentials
        self.wire = "grpc" if grpc else "http"
        self.folder = folder
        self.address = f"127.0.0.1:{processes.free_port()}"
        self.fleet_address = f"127.0.0.1:{processes.free_port()}" if grpc else self.address
        self._runs: list[Run] = []
        self._environment = stock.environment(folder / "home")
        self._write_connection()

        host, port = self.address.split(":")
        command = [program or stock.program("flower-superlink"), "--host", host, "--port", port]
        command += ["--disable-runtime-dependency-installation"]
        if credentials is None:
            command += ["--insecure"]
        else:
            command += ["--ssl-ca-certfile", credentials.ca]
            command += ["--ssl-certfile", credentials.certificate, "--ssl-keyfile", credentials.certificate_key]
        command += ["--enable-supernode-auth"] if node_auth else []
        if grpc and program:
            command += ["--grpc-port", self.fleet_address.split(":")[1]]
        elif grpc:
            command += ["--fleet-api-address", self.fleet_address]
        command += extra
        environment = {**self._environment, **({"FLWR_INTERNAL_GRPC_FLEET_API": "1"} if grpc else {})}
        self._command, self._process_environment = command, environment
        # Stock's gRPC listener starts before the HTTP one.
        self._ready = r"^Fleet API \(http\) listening on" if program else r"Uvicorn running on"
        self.process = self._start()

    def restart(self) -> None:
        """Starts it again after its process has been killed."""
        self.process = self._start()

    def _start(self) -> Process:
        process = Process("superlink", self._command, self.folder, env=self._process_environment)
        process.wait_for_line(self._ready, timeout=60)
        return process

    def flwr(self, *arguments: str | Path) -> dict[str, Any]:
        """Runs the `flwr` command, `local` and `--format json` added, and returns its answer."""
        command = [str(self.stock.program("flwr")), *map(str, arguments), "local", "--format", "json"]
        environment = {**self._environment, "COLUMNS": "200"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=self.folder)
        try:
            answer = json.loads(done.stdout)
        except json.JSONDecodeError:
            answer = {"success": False}
        if done.returncode or not answer.get("success", True):  # not every answer has it
            raise ProcessError(f"{' '.join(command)} failed with {done.returncode}\n{done.stdout}{done.stderr}")
        return answer

    def nodes(self) -> dict[int, str]:
        """The status of every node that is still registered: registered, online or offline."""
        listed = self.flwr("supernode", "list")["nodes"]
        return {int(node["node-id"]): node["status"] for node in listed if node["status"] != "unregistered"}

    def register_node(self, public_key: Path) -> int:
        """Lets the owner of a key join a SuperLink that has SuperNode authentication; returns the node's id."""
        return int(self.flwr("supernode", "register", public_key)["node-id"])

    def start_run(self, record_to: Path, config: Mapping[str, Any], *, legacy: bool = False) -> Run:
        """Starts a run of the app in stock_app and returns as soon as the SuperLink has given it an id."""
        app = _stage_app(self.folder / ("app-legacy" if legacy else "app"), legacy=legacy)
        return self.start_app(app, record_to, config)

    def start_app(self, app: Path, record_to: Path, config: Mapping[str, Any]) -> Run:
        """The same with any app that has a setting `record-to`; `flwr run` may write into its folder."""
        settings = " ".join(f"{key}={json.dumps(value)}" for key, value in {**config, "record-to": str(record_to)}.items())
        command = [self.stock.program("flwr"), "run", app, "local", "--stream", "--run-config", settings]
        process = Process("flwr-run", command, self.folder, env={**self._environment, "COLUMNS": "200"})
        run_id = int(process.wait_for_line(r"Successfully started run (\d+)")[1])
        run = Run(self, process, run_id, Rounds(record_to))
        self._runs.append(run)
        return run

    def run(self, record_to: Path, config: Mapping[str, Any], *, legacy: bool = False) -> Rounds:
        """Starts a run, waits until it has completed, and returns what its ServerApp wrote down."""
        run = self.start_run(record_to, config, legacy=legacy)
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

    def stop(self) -> None:
        for run in self._runs:
            run.process.stop()
        self.process.stop()

    def _write_connection(self) -> None:
        trust = "insecure = true" if self.credentials is None else f'root-certificates = "{self.credentials.ca}"'
        text = f'[superlink]\ndefault = "local"\n[superlink.local]\naddress = "{self.address}"\n{trust}\n'
        (self.folder / "home" / "config.toml").write_text(text)


@dataclass
class Run:
    """A run that was started with `flwr run --stream`."""

    superlink: SuperLink
    process: Process
    run_id: int
    rounds: Rounds

    def status(self) -> str:
        """For example `running` or `finished:stopped`."""
        (run,) = self.superlink.flwr("list", "--run-id", str(self.run_id))["runs"]
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
    command = [stock.program("flower-supernode"), "--superlink", superlink_address, "--host", host, "--port", port]
    command += ["--node-config", node_config, *security, *(extra or [])]
    # Every node has its own home: stock nodes that share one would unpack the same app into the same folder.
    environment = stock.environment(folder / f"home-{port}")
    return Process("supernode", command, folder, env=environment)


def security_options(root_certificates: Path | None, private_key: Path | None) -> list[str]:
    """TLS and authentication options, which stock SuperNodes and C++ nodes spell alike."""
    options = ["--insecure"] if root_certificates is None else ["--root-certificates", str(root_certificates)]
    return options + (["--auth-supernode-private-key", str(private_key)] if private_key else [])


def _stage_app(folder: Path, *, legacy: bool) -> Path:
    """A copy of stock_app outside of the checkout, which `flwr run` may write into."""
    if not folder.exists():
        shutil.copytree(INTEROP / "stock_app", folder, ignore=shutil.ignore_patterns("__pycache__"))
        if legacy:
            project = folder / "pyproject.toml"
            text = re.sub(r"cnnapp\.(server|client)_app:app", r"cnnapp.legacy_\1_app:app", project.read_text())
            project.write_text(text)
    return folder
