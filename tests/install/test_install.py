# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Installs the build tree FLWRCPP_BUILD_DIR and builds and runs programs against what it installed. CTest calls this."""

import os
import re
import select
import shutil
import subprocess
import unittest
from pathlib import Path

BUILD = Path(os.environ["FLWRCPP_BUILD_DIR"])
SOURCE = Path(__file__).resolve().parents[2]
CONSUMER = SOURCE / "tests" / "install" / "consumer"
WORK = BUILD / "install_test"
PREFIX = WORK / "prefix"
WAIT = 120  # seconds for a program to say something


def read_cache() -> dict[str, str]:
    entry = re.compile(r"^([^#/:][^:]*):[A-Z]+=(.*)$")
    lines = (BUILD / "CMakeCache.txt").read_text().splitlines()
    return dict(match.groups() for match in map(entry.match, lines) if match)


CACHE = read_cache()
CMAKE = CACHE["CMAKE_COMMAND"]
LIBDIR = PREFIX / CACHE["CMAKE_INSTALL_LIBDIR"]
SHARED = CACHE.get("BUILD_SHARED_LIBS", "OFF") == "ON"
TORCH = CACHE["FLWRCPP_TORCH"] == "ON"
LIBRARIES = {"proto", "records", "rpc", "client", "server", "datasets"} | ({"torch"} if TORCH else set())


def run(*command, env=None) -> str:
    """The command's output, both streams; a failure shows it."""
    done = subprocess.run([str(word) for word in command], env=env, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def configure(name: str, *options) -> Path:
    """Configures the consumer in an empty folder."""
    build = WORK / name
    shutil.rmtree(build, ignore_errors=True)
    run(CMAKE, "-G", "Ninja", "-S", CONSUMER, "-B", build, f"-DCMAKE_PREFIX_PATH={PREFIX}",
        f"-DCMAKE_BUILD_TYPE={CACHE['CMAKE_BUILD_TYPE']}",
        f"-DCMAKE_CXX_COMPILER={CACHE['CMAKE_CXX_COMPILER']}",
        f"-DCMAKE_CXX_COMPILER_LAUNCHER={CACHE.get('CMAKE_CXX_COMPILER_LAUNCHER', '')}", *options)
    return build


def read_line(process: subprocess.Popen) -> str:
    if not select.select([process.stdout], [], [], WAIT)[0]:
        raise AssertionError(f"no line within {WAIT} s")
    return process.stdout.readline().strip()


def federate(server: Path, node: Path, env=None) -> str:
    """What the server has to say about the node's answer."""
    with subprocess.Popen([server], stdout=subprocess.PIPE, text=True, env=env) as server_process:
        try:
            port = read_line(server_process).removeprefix("port ")
            with subprocess.Popen([node, port], env=env) as node_process:
                try:
                    answer = read_line(server_process)
                    code = server_process.wait(WAIT)
                finally:
                    node_process.kill()
        finally:
            server_process.kill()
    assert code == 0, f"the server ended with {code}"
    return answer


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(WORK, ignore_errors=True)
        # Each component by itself, so that their files are known apart; then moved, which nothing
        # that was installed may mind.
        cls.installed = {}
        before = set()
        for component in ("runtime", "development", "tools"):
            run(CMAKE, "--install", BUILD, "--prefix", WORK / "staging", "--component", component)
            after = files_below(WORK / "staging")
            cls.installed[component] = after - before
            before = after
        (WORK / "staging").rename(PREFIX)

    def test_runtime_is_the_versioned_shared_libraries(self):
        version = CACHE["CMAKE_PROJECT_VERSION"]
        minor = ".".join(version.split(".")[:2])
        expected = {f"libflwrcpp_{library}.so.{suffix}" for library in LIBRARIES
                    for suffix in (version, minor)} if SHARED else set()

        self.assertEqual({Path(file).name for file in self.installed["runtime"]}, expected)

    def test_development_has_every_public_header(self):
        headers = files_below(SOURCE / "sdk" / "include")
        if not TORCH:
            headers.remove("flwrcpp/torch.h")

        self.assertLessEqual({f"include/{header}" for header in headers}, self.installed["development"])
        self.assertIn("include/flwr/proto/fleet.grpc.pb.h", self.installed["development"])

    def test_tools_are_programs_that_start(self):
        programs = {Path(file).name for file in self.installed["tools"]}

        self.assertEqual({str(Path(file).parent) for file in self.installed["tools"]}, {"bin"})
        if TORCH:
            self.assertLessEqual({"flwrcpp-client-app", "flwrcpp-server-app"}, programs)
        for program in programs:
            self.assertIn(CACHE["CMAKE_PROJECT_VERSION"], run(PREFIX / "bin" / program, "--version"))

    def test_a_plain_install_has_no_more_than_the_components(self):
        run(CMAKE, "--install", BUILD, "--prefix", WORK / "plain")

        self.assertEqual(files_below(WORK / "plain"), set().union(*self.installed.values()))

    def test_no_path_of_this_machine_is_installed(self):
        absolute = re.compile(r"""(?:^|[\s"';=]|-[IL])(/\w[^\s"';]*)""", re.MULTILINE)
        # For a prefix of /usr CMake itself writes where its files will be, and comments on it.
        own = {"/usr", f"/usr/{CACHE['CMAKE_INSTALL_LIBDIR']}/cmake/flwrcpp"}
        if CACHE["CMAKE_INSTALL_PREFIX"] != "/usr":
            own = set()
        texts = [*LIBDIR.glob("cmake/flwrcpp/*.cmake"), *LIBDIR.glob("pkgconfig/*.pc")]
        self.assertGreaterEqual(len(texts), 4 + len(LIBRARIES))
        for file in texts:
            with self.subTest(file=file.name):
                text = re.sub(r"^ *#.*$", "", file.read_text(), flags=re.MULTILINE)
                self.assertEqual(set(absolute.findall(text)) - (own if file.suffix == ".cmake" else set()), set())

        for file in [*(PREFIX / "bin").iterdir(), *LIBDIR.glob("*.so")]:
            with self.subTest(file=file.name):
                for path in re.findall(r"runpath: \[(.*)\]", run("readelf", "--dynamic", file)):
                    self.assertTrue(path.startswith("$ORIGIN"), path)

    def test_find_package_needs_nothing_of_libraries_that_were_not_asked_for(self):
        # Boost and JSON are in sources only; libtorch is for flwrcpp::torch.
        hidden = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{package}=ON"
                  for package in ("Boost", "nlohmann_json", "FlwrcppLibtorch")]
        build = configure("find_package", *hidden)
        run(CMAKE, "--build", build)

        self.assertEqual(federate(build / "server", build / "node"), "answer 42")

    def test_find_package_finds_datasets_alone(self):
        hidden = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{package}=ON"
                  for package in ("Protobuf", "gRPC", "CURL", "SQLite3", "FlwrcppLibtorch")]
        build = configure("datasets", "-DCONSUMER_COMPONENTS=datasets", *hidden)
        run(CMAKE, "--build", build)

        self.assertEqual(run(build / "partition"), "samples 5\n")

    def test_find_package_finds_torch_if_it_was_built(self):
        if not TORCH:
            with self.assertRaisesRegex(AssertionError, "built without libtorch"):
                configure("torch", "-DCONSUMER_COMPONENTS=torch")
            return
        build = configure("torch", "-DCONSUMER_COMPONENTS=torch")
        run(CMAKE, "--build", build)

        self.assertEqual(run(build / "module"), "linked\n")

    def test_find_package_says_that_libtorch_is_missing(self):
        if not TORCH:
            self.skipTest("built without libtorch")
        with self.assertRaisesRegex(AssertionError, "flwrcpp::torch needs libtorch"):
            configure("no_torch", "-DCONSUMER_COMPONENTS=torch",
                      "-DCMAKE_DISABLE_FIND_PACKAGE_FlwrcppLibtorch=ON")

        configure("no_torch", "-DCONSUMER_COMPONENTS=",
                  "-DCMAKE_DISABLE_FIND_PACKAGE_FlwrcppLibtorch=ON")

    def test_pkg_config_gives_all_that_is_needed(self):
        env = {**os.environ, "PKG_CONFIG_PATH": str(LIBDIR / "pkgconfig"), "LD_LIBRARY_PATH": str(LIBDIR)}
        build = WORK / "pkg_config"
        build.mkdir()
        for program, module in (("server", "flwrcpp-server"), ("node", "flwrcpp-client")):
            flags = run("pkg-config", "--cflags", "--libs", module, env=env).split()
            run(CACHE["CMAKE_CXX_COMPILER"], "-std=c++20", CONSUMER / f"{program}.cc", *flags, "-o", build / program)
        for library in LIBRARIES:
            run("pkg-config", "--exists", "--print-errors", f"flwrcpp-{library} >= 0.1", env=env)

        self.assertEqual(federate(build / "server", build / "node", env), "answer 42")

    def test_as_a_part_of_another_project_it_brings_its_libraries_only(self):
        build = configure("fetch_content", f"-DCONSUMER_FLWRCPP_SOURCE={SOURCE}",
                          "-DCONSUMER_COMPONENTS=client;server;datasets",
                          "-DCMAKE_DISABLE_FIND_PACKAGE_FlwrcppLibtorch=ON",
                          "-DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON")
        run("ninja", "-C", build, "-n", "node", "server", "partition")

        targets = run("ninja", "-C", build, "-t", "targets", "rule", "phony")
        self.assertIn("flwrcpp_client", targets)
        for foreign in ("client_app", "superlink", "custom_client", "client_test"):
            self.assertIsNone(re.search(rf"^{foreign}$", targets, re.MULTILINE), foreign)
        run(CMAKE, "--install", build, "--prefix", WORK / "nothing")
        self.assertFalse((WORK / "nothing").exists())


if __name__ == "__main__":
    unittest.main()
