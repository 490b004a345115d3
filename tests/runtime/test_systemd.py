"""The systemd cgroup driver, over a real message bus.

Without systemd a process of ours answers in its place (systemd_stand_in.py); CUDDY_TESTS_SYSTEMD=1
asks the machine's own instead, as `make test-vm` does.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bundles
import isolation
from bundles import CGROUP, Bundle, Runtime
from console import PROGRAM, wait_until
from cuddy.kernel import cgroup
from cuddy.runtime.dbus import Bus

SERVICE = "org.freedesktop.systemd1"
USER = "tester"
"""Of the virtual machine (vm.py)."""
INTERFACE = f"{SERVICE}.Manager"
OBJECT = "/org/freedesktop/systemd1"
CONFIG = """<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""


class Systemd:
    """Where the bus is, and what systemd has been asked."""

    def __init__(self, socket: str, log: Path) -> None:
        self.address = f"unix:path={socket}"
        self.log = log

    def calls(self, method: str) -> list[list[Any]]:
        if not self.log.exists():
            pytest.skip("systemd itself keeps no log of its calls")
        found = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [body for name, body in found if name == method]

    def told(self, unit: str) -> dict[str, Any]:
        """The properties of a scope: with which it was started, or which systemd says it has."""
        if self.log.exists():
            name, _, properties, _ = self.calls("StartTransientUnit")[-1]
            assert name == unit
            return dict(properties)
        found: dict[str, Any] = {}
        with Bus(self.address.removeprefix("unix:path=")) as bus:
            (path,) = bus.call(SERVICE, OBJECT, INTERFACE, "GetUnit", "s", unit)
            for kind in ("Unit", "Scope"):
                words = ("org.freedesktop.DBus.Properties", "GetAll", "s", f"{SERVICE}.{kind}")
                found |= dict(bus.call(SERVICE, path, *words)[0])
        # As JSON has it, in which the calls are logged.
        return {name: json.loads(json.dumps(value)) for name, value in found.items()}


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systemd]:
    if isolation.asks_systemd():
        yield Systemd("/run/dbus/system_bus_socket", Path("/nowhere"))
        return
    if not shutil.which("dbus-daemon"):
        pytest.skip("needs dbus-daemon")
    where = tmp_path_factory.mktemp("bus")
    socket, log = where / "socket", where / "log"
    (where / "config").write_text(CONFIG.format(socket=socket))
    daemon = subprocess.Popen(
        ["dbus-daemon", "--nofork", f"--config-file={where}/config"], stderr=subprocess.DEVNULL
    )
    wait_until(socket.exists)
    service = subprocess.Popen(
        [sys.executable, Path(__file__).parents[1] / "systemd_stand_in.py", socket, CGROUP, log],
        stdout=subprocess.PIPE,
    )
    assert service.stdout
    assert service.stdout.readline() == b"ready\n"
    yield Systemd(str(socket), log)
    for process in (service, daemon):
        process.terminate()
        process.communicate()


@pytest.fixture
def scoped(systemd: Systemd, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime that leaves cgroups to systemd."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", systemd.address)
    runtime.program += ["--systemd-cgroup"]
    return runtime


def create(runtime: Runtime, bundle: Bundle, path: str, name: str = "box") -> int:
    """A created container in a scope; the pid of its init."""
    bundle.linux["cgroupsPath"] = path
    runtime.made(name)
    with open(runtime.directory / "err", "w+") as err:
        given = {"stdout": err, "stderr": err, "capture_output": False}
        result = runtime("create", "--bundle", bundle.write().path, name, **given)
        err.seek(0)
        assert result.code == 0, err.read()
    return runtime.pid(name)


def group_of(pid: int) -> set[str]:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {line.split(":", 2)[2] for line in lines}


def test_a_container_is_in_a_scope_of_systemd(
    systemd: Systemd, scoped: Runtime, bundle: Bundle
) -> None:
    pid = create(scoped, bundle, "system.slice:test:a-1")
    (group,) = group_of(pid)
    assert group.endswith("/test-a-1.scope")
    assert cgroup.of_process(pid).pids() == [pid]  # whoever stood in for it has gone
    scoped.ok("start", "box")
    scoped.ok("delete", "--force", "box")
    for hierarchy in cgroup.find().all:
        assert not os.path.exists(hierarchy.directory(group))


def test_systemd_knows_of_the_limits_and_the_kernel_keeps_them(
    systemd: Systemd, scoped: Runtime, bundle: Bundle
) -> None:
    bundle.linux["resources"] = {
        "memory": {"limit": 1 << 26},
        "cpu": {"shares": 512, "quota": 12345, "period": 50000},
        "pids": {"limit": 33},
        "devices": [
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"},
        ],
    }
    bundle.config["annotations"] = {f"org.systemd.property.{k}": v for k, v in (
        ("TimeoutStopUSec", "uint64 1000000"), ("CollectMode", "'inactive-or-failed'"),
    )}  # fmt: skip
    pid = create(scoped, bundle, "system.slice:test:limits")
    stats = cgroup.of_process(pid).stats()
    assert (stats["memory_limit_bytes"], stats["pids_limit"]) == (1 << 26, 33)
    told = systemd.told("test-limits.scope")
    assert told["Slice"] == ["s", "system.slice"]
    assert told["Delegate"] == ["b", True]
    assert told["TasksMax"] == ["t", 33]
    assert told["CPUQuotaPerSecUSec"] == ["t", 250000]  # 24.69 %, in whole hundredths
    assert told["CPUQuotaPeriodUSec"] == ["t", 50000]
    assert told["TimeoutStopUSec"] == ["t", 1000000]
    assert told["CollectMode"] == ["s", "inactive-or-failed"]
    assert told["DevicePolicy"] == ["s", "strict"]
    kind, allowed = told["DeviceAllow"]
    assert kind == "a(ss)"
    for entry in (["/dev/char/10:229", "rw"], ["/dev/char/1:3", "rwm"], ["char-pts", "rwm"]):
        assert entry in allowed
    is_v2 = cgroup.find().mode == "v2"
    assert told["MemoryMax" if is_v2 else "MemoryLimit"] == ["t", 1 << 26]
    assert told["CPUWeight" if is_v2 else "CPUShares"] == ["t", 59 if is_v2 else 512]


def test_a_scope_of_that_name_that_runs_is_left_alone(
    systemd: Systemd, scoped: Runtime, bundle: Bundle
) -> None:
    pid = create(scoped, bundle, "system.slice:test:twice")
    scoped.made("second")
    result = scoped("create", "--bundle", bundle.path, "second")
    assert result.code == 1
    assert "systemd cannot start test-twice.scope: Unit test-twice.scope" in result.err
    assert scoped.status() == "created"
    assert os.path.exists(f"/proc/{pid}")


def test_a_container_that_fails_to_start_leaves_no_scope(
    systemd: Systemd, scoped: Runtime, bundle: Bundle
) -> None:
    bundle.linux["cgroupsPath"] = "system.slice:test:fails"
    scoped.made("box")
    result = scoped("run", "--bundle", bundle.runs("/no/such").write().path, "box")
    assert result.code == 1
    for hierarchy in cgroup.find().all:
        for parent in (CGROUP, "system.slice"):
            assert not os.path.exists(hierarchy.directory(f"/{parent}/test-fails.scope"))


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/a/path", 'expected cgroupsPath to be of format \\"slice:prefix:name\\"'),
        ("a/b.slice:x:y", "invalid slice name: a/b.slice"),
        ("system.slice:x:../y", "not a name for a scope of systemd"),
    ],
)
def test_other_paths_are_refused(scoped: Runtime, bundle: Bundle, path: str, error: str) -> None:
    bundle.linux["cgroupsPath"] = path
    result = scoped("run", "--bundle", bundle.write().path, "box")
    assert result.code == 1
    assert error in result.err


def test_without_systemd_it_is_said_so(runtime: Runtime, bundle: Bundle, tmp_path: Path) -> None:
    runtime.program = ["env", f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={tmp_path}/none",
                       *runtime.program, "--systemd-cgroup"]  # fmt: skip
    bundle.linux["cgroupsPath"] = ""
    result = runtime("run", "--bundle", bundle.write().path, "box")
    assert result.code == 1
    assert "systemd cgroup flag passed, but systemd support for managing cgroups is not" in (
        result.err
    )


def test_sd_bus_and_we_say_the_same(systemd: Systemd, scoped: Runtime, bundle: Bundle) -> None:
    """busctl's bytes are parsed by our code as ours are: two who agree on the protocol."""
    busctl = shutil.which("busctl") or pytest.skip("needs busctl")
    create(scoped, bundle, "system.slice:test:spoken")
    where = (f"--address={systemd.address}", "call", SERVICE, OBJECT)
    words = ("SetUnitProperties", "sba(sv)", "test-spoken.scope", "true", "3",
             "TasksMax", "t", "7", "AllowedCPUs", "ay", "2", "1", "128",
             "DeviceAllow", "a(ss)", "1", "/dev/null", "rw")  # fmt: skip
    subprocess.run([busctl, *where, INTERFACE, *words], check=True, timeout=20)
    assert systemd.calls("SetUnitProperties")[-1] == [
        "test-spoken.scope",
        True,
        [
            ["TasksMax", ["t", 7]],
            ["AllowedCPUs", ["ay", [1, 128]]],
            ["DeviceAllow", ["a(ss)", [["/dev/null", "rw"]]]],
        ],
    ]


@pytest.fixture(scope="module")
def lingering() -> list[str]:
    """Words before a command that a user's own systemd is to run, in a group that is delegated."""
    if not isolation.asks_systemd() or not Path("/var/lib/systemd/linger", USER).exists():
        pytest.skip("no user whose systemd runs without a login")
    directory = f"/run/user/{pwd.getpwnam(USER).pw_uid}"
    user = [
        "runuser",
        "-u",
        USER,
        "--",
        "env",
        f"XDG_RUNTIME_DIR={directory}",
        f"HOME=/home/{USER}",
    ]
    wait_until(lambda: os.path.exists(f"{directory}/bus"))
    flags = ("--user", "--wait", "--pipe", "--collect", "--quiet", "--property=Delegate=yes")
    service = [*user, "systemd-run", *flags, f"--working-directory=/home/{USER}"]
    subprocess.run([*service, "true"], check=True)  # begins what is there for all that follow
    return service


def test_a_user_limits_with_what_was_delegated(lingering: list[str]) -> None:
    files = [f"/sys/fs/cgroup/{name}" for name in ("memory.max", "pids.max")]
    flags = ["run", "--rm", "-m", "64m", "--pids-limit", "50", "--network", "none"]
    words = [*lingering, *PROGRAM, *flags, "host", "cat", *files]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(64 << 20), "50"], done.stderr


def test_a_users_own_systemd_makes_the_scope(lingering: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=f"/home/{USER}") as directory:
        made = Bundle(Path(directory, "bundle"))
        subprocess.run([*bundles.PROGRAM, "spec", "--rootless", "--bundle", directory], check=True)
        config = json.loads(Path(directory, "config.json").read_text())
        user = pwd.getpwnam(USER)
        for kind, number in (("uid", user.pw_uid), ("gid", user.pw_gid)):
            config["linux"][f"{kind}Mappings"] = [{"containerID": 0, "hostID": number, "size": 1}]
        config["process"] |= {"terminal": False, "args": ["cat", "/proc/self/cgroup"]}
        (made.path / "config.json").write_text(json.dumps(config))
        subprocess.run(["chown", "-R", f"{USER}:", directory], check=True)
        flags = ["--root", f"{directory}/state", "--systemd-cgroup", "run", "--bundle"]
        words = [*lingering, *bundles.PROGRAM, *flags, str(made.path), "mine"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0::/\n"), done.stderr
