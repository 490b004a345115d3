"""Start-up is a feature: what a command imports it pays for, every time, in time and in memory.

Each command is run for real with `-X importtime`, which lists every module as it is imported,
in the monitor and the container's init as well, since they inherit standard error.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from console import ENGINE, Cuddy
from registry import Registry

SOURCE = Path(__file__).parent.parent / "src"
MAIN = SOURCE / "cuddy/__main__.py"
COSTLY = {
    "abc", "argparse", "array", "asyncio", "base64", "collections", "contextlib", "copy",
    "ctypes", "dataclasses", "datetime", "email", "enum", "functools", "glob", "hashlib", "heapq",
    "http", "inspect", "ipaddress", "json", "logging", "multiprocessing", "operator", "pathlib",
    "platform", "random", "re", "selectors", "shutil", "signal", "socket", "ssl", "string",
    "subprocess", "tarfile", "tempfile", "textwrap", "threading", "traceback", "types", "typing",
    "urllib", "uuid", "warnings", "weakref", "zlib",
    "backports", "isal", "rich", "tomllib",
}  # fmt: skip
LEAN = [sys.executable, "-I", "-S"]
IMPORT = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import cuddy"


def imported(*words: str) -> set[str]:
    """Top-level modules that a bare interpreter imports with these words on its command line."""
    return {name.split(".")[0] for name in imports(*words)} - BARE


def imports(*words: str) -> list[str]:
    """Every import with these words on its command line; those of two processes are two."""
    command = [*LEAN, "-X", "importtime", *words]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stderr
    return re.findall(r"^import time: +\d+ \| +\d+ \| *([\w.]+)$", result.stderr, re.MULTILINE)


def bare() -> set[str]:
    """What an interpreter has that runs nothing."""
    command = [*LEAN, "-c", "import sys; print(*sys.modules)"]
    return set(subprocess.check_output(command, text=True).split())


BARE = bare()


def test_importing_cuddy_imports_nothing_costly() -> None:
    assert imported("-c", IMPORT) & COSTLY == set()


def test_asking_the_version_imports_nothing_costly() -> None:
    assert imported(str(MAIN), "--version") & COSTLY == set()


HOT = [
    ["version"],
    ["ps", "-a"],
    ["ps", "-a", "--format", "{{.Names}}"],
    ["images"],
    ["image", "inspect", "alpine"],
    ["history", "alpine"],
    ["tag", "alpine", "other"],
    ["images", "-f", "reference=alp*"],
    ["history", "alpine"],
    ["image", "inspect", "alpine"],
    ["inspect", "box"],
    ["logs", "box"],
    ["logs", "--tail", "1", "box"],
    ["exec", "box", "true"],
    ["run", "--rm", "alpine", "true"],
    ["run", "--rm", "--network", "none", "-m", "64m", "-v", "/tmp:/in", "alpine", "true"],
    ["run", "--rm", "host", "true"],
    ["create", "alpine"],
    ["stop", "-t", "0", "box"],
    ["start", "box"],
    ["kill", "box"],
    ["wait", "box"],
    ["rm", "-f", "box"],
]


@pytest.mark.root
@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines are not written in Python")
@pytest.mark.parametrize("words", HOT, ids=" ".join)
def test_a_command_of_the_hot_path_imports_nothing_costly(cuddy: Cuddy, words: list[str]) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    if words[0] == "wait":
        cuddy.ok("kill", "box")
    flags = ["--root", str(cuddy.root), "--runroot", str(cuddy.run_root)]
    assert imported(str(MAIN), *flags, *words) & COSTLY == set()


RUNTIME_BUDGETS = {"create": 73, "start": 35, "kill": 37, "delete": 35, "state": 35}
"""How many of cuddy's own modules a call of cuddy-runtime imports; five calls make a container."""


@pytest.mark.parametrize("verb", RUNTIME_BUDGETS)
def test_a_call_of_the_runtime_imports_nothing_costly_and_only_its_verb(
    tmp_path: Path, verb: str
) -> None:
    command = [*LEAN, "-X", "importtime", "-X", "program=runtime", str(MAIN)]
    words = ["--root", str(tmp_path), verb, "box"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, cwd=tmp_path)
    names = re.findall(r"^import time: +\d+ \| +\d+ \| *([\w.]+)$", done.stderr, re.MULTILINE)
    assert ({name.split(".")[0] for name in names} - BARE) & COSTLY == set()
    own = [name for name in names if name.startswith("cuddy")]
    assert f"cuddy.cli.runtime.{verb}" in own
    assert len(own) <= RUNTIME_BUDGETS[verb], own


@pytest.mark.root
@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines are not written in Python")
@pytest.mark.parametrize("verb", [["run", "--rm", "alpine"], ["exec", "box"]], ids=" ".join)
def test_what_two_processes_need_is_imported_before_they_part(
    cuddy: Cuddy, verb: list[str]
) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    flags = ["--root", str(cuddy.root), "--runroot", str(cuddy.run_root)]
    own = [name for name in imports(str(MAIN), *flags, *verb, "true") if name.startswith("cuddy.")]
    assert sorted(name for name in {*own} if own.count(name) > 1) == []


BUDGETS = [
    (["run", "--rm", "alpine", "true"], 136),
    (["create", "alpine"], 63),
    (["exec", "box", "true"], 73),
    (["ps", "-a"], 40),
    (["version"], 49),
    (["logs", "box"], 35),
    (["inspect", "box"], 50),
    (["rm", "-f", "box"], 49),
]
"""How many modules of cuddy's own a command imports at most, all its processes together.

Whoever adds one to them says why here, or imports it where it is needed. One is `cli/verbs.py`: the
tables of commands have outgrown `main`, whose help needs them too. Another is `namespaces.py`:
control groups and overlays are others in a user namespace. And `runtime/mount_plan.py`:
what a mount's options mean has outgrown making it, and `runtime/targets.py`: so has finding its
place, which devices and terminals need as well. And `compiled.py`, which finds the others, and
`relay_client.py`: a monitor has clients of more than one kind. And `removal.py`: going has outgrown
being there.
"""
FEATURES = {
    "cdi", "devices", "gpus", "health_keeper", "health_waiter", "links", "logdriver", "logoptions",
    "mount_grammar", "mount_sources", "mounts", "peers", "program_facts", "publishing", "remains",
    "resources", "restart_policy", "rm", "kill", "staging", "support", "volumes", "volume_use",
    "exit_report", "resolver", "resolver_policy", "resolver_roll",
}  # fmt: skip
"""Of the engine, what a container pays for only if it uses it."""


@pytest.mark.root
@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines are not written in Python")
@pytest.mark.parametrize(
    ("words", "most"),
    BUDGETS,
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_command_imports_no_more_of_cuddy_than_it_needs(
    cuddy: Cuddy, words: list[str], most: int
) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    flags = ["--root", str(cuddy.root), "--runroot", str(cuddy.run_root)]
    own = [name for name in imports(str(MAIN), *flags, *words) if name.startswith("cuddy")]
    assert len(own) <= most, own


def test_a_monitor_that_is_woken_imports_no_more_than_relaying_takes() -> None:
    own = [name for name in imports("-c", f"{IMPORT}.engine.watch") if name.startswith("cuddy")]
    assert len(own) <= 25, own


@pytest.mark.root
@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines are not written in Python")
def test_a_plain_container_pays_for_no_feature_that_it_does_not_use(cuddy: Cuddy) -> None:
    flags = ["--root", str(cuddy.root), "--runroot", str(cuddy.run_root)]
    names = {
        name.split(".")[-1]
        for name in imports(str(MAIN), *flags, "run", "--rm", "alpine", "true")
        if name.startswith("cuddy.engine.")
    }
    assert names & FEATURES == set()


@pytest.mark.root
@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines are not written in Python")
def test_a_pull_of_what_is_there_imports_nothing_costly(cuddy: Cuddy, registry: Registry) -> None:
    """Without TLS, that is: no library for HTTP, none that unpacks."""
    name = registry.name("alpine")
    cuddy.ok("pull", name)
    flags = ["--root", str(cuddy.root), "--runroot", str(cuddy.run_root)]
    assert imported(str(MAIN), *flags, "pull", name) & COSTLY == set()


@pytest.mark.root
@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines are not written in Python")
def test_a_build_of_what_is_cached_imports_nothing_costly(cuddy: Cuddy, tmp_path: Path) -> None:
    """Nor what mounts, runs or writes anything."""
    (tmp_path / "Dockerfile").write_text("FROM alpine\nCOPY file .\nRUN true\n")
    (tmp_path / "file").write_text("content")
    cuddy.ok("build", "-t", "built", tmp_path)
    flags = ["--root", str(cuddy.root), "--runroot", str(cuddy.run_root)]
    words = [str(MAIN), *flags, "build", "-t", "built", str(tmp_path)]
    # What was written just now is read once more, since it might change unseen: hashlib.
    assert imported(*words) & COSTLY <= {"hashlib"}
    own = [name for name in imports(*words) if name.startswith("cuddy")]
    assert len(own) <= 104, own
    assert {"cuddy.builder.snapshot", "cuddy.builder.layers", "cuddy.builder.run"}.isdisjoint(own)


@pytest.mark.root
@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines are not written in Python")
def test_a_build_imports_what_runs_a_step_once_for_all_stages(cuddy: Cuddy, tmp_path: Path) -> None:
    """And nothing costly but what digests and compresses."""
    (tmp_path / "Dockerfile").write_text(
        "FROM alpine AS one\nRUN touch /1\nFROM alpine\nRUN touch /2\nCOPY --from=one /1 /\n"
    )
    flags = ["--root", str(cuddy.root), "--runroot", str(cuddy.run_root)]
    names = imports(str(MAIN), *flags, "build", "--no-cache", str(tmp_path))
    tops = {name.split(".")[0] for name in names} - BARE
    assert tops & COSTLY <= {"hashlib", "isal", "zlib"}
    assert names.count("cuddy.engine.build_run") == 1


@pytest.mark.root
@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines are not written in Python")
def test_the_monitor_of_a_container_has_imported_nothing_costly(cuddy: Cuddy) -> None:
    """What it maps tells: extension modules of costly packages, as files."""
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    status = Path(f"/proc/{cuddy.pid('box')}/status").read_text()
    monitor = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid"))
    maps = Path(f"/proc/{monitor}/maps").read_text()
    libraries = set(re.findall(r"/([\w.+-]+\.so[\w.]*)", maps))
    assert not [name for name in libraries if "ssl" in name or "crypto" in name]
