"""The units that `cuddy system serve` prints, under a systemd that runs: `make test-vm` has one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import isolation
from console import PROGRAM, Cuddy, wait_until
from engine_api import Api

USER = "tester"
"""Of the virtual machine (vm.py): systemd runs for it without a login."""
BOX = {"Image": "host", "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "none"}}

pytestmark = pytest.mark.skipif(not isolation.asks_systemd(), reason="no systemd may be asked")


class Units:
    """cuddy-api.socket and .service, installed until this machine is off, and what they say."""

    def __init__(
        self, cuddy: Cuddy, systemctl: Sequence[str], directory: Path, *flags: str
    ) -> None:
        self.cuddy, self.systemctl = cuddy, systemctl
        directory.mkdir(parents=True, exist_ok=True)
        self.files = [directory / f"cuddy-api.{kind}" for kind in ("socket", "service")]
        for path in self.files:
            kind = path.suffix.removeprefix(".")
            path.write_text(cuddy.ok("system", "serve", "--unit", kind, *flags) + "\n")
        self.do("daemon-reload")
        self.do("start", "cuddy-api.socket")
        self.api = Api(Path(self.asked("Listen", "cuddy-api.socket").split()[0]), 0)

    def do(self, *words: str) -> str:
        done = subprocess.run(
            [*self.systemctl, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def asked(self, what: str, unit: str = "cuddy-api.service") -> str:
        return self.do("show", "--value", f"--property={what}", unit)

    def become(self, state: str) -> None:
        wait_until(lambda: self.asked("ActiveState") == state, what=f"it never was {state}")

    def close(self) -> None:
        self.do("stop", "cuddy-api.socket", "cuddy-api.service")
        for path in self.files:
            path.unlink()
        self.do("daemon-reload")
        self.do("reset-failed")


@pytest.fixture
def roots(cuddy: Cuddy) -> Iterator[Units]:
    flags = ("--group", "nogroup", "--idle-timeout", "2")
    units = Units(cuddy, ["systemctl"], Path("/run/systemd/system"), *flags)
    yield units
    units.close()


@pytest.fixture
def users() -> Iterator[Units]:
    who = pwd.getpwnam(USER)
    run = Path(f"/run/user/{who.pw_uid}")
    wait_until((run / "bus").exists)
    with tempfile.TemporaryDirectory(dir=who.pw_dir, ignore_cleanup_errors=True) as directory:
        shutil.chown(directory, who.pw_uid, who.pw_gid)
        variables = {"XDG_RUNTIME_DIR": str(run), "HOME": who.pw_dir, "PATH": os.environ["PATH"]}
        own = [f"{name}={value}" for name, value in variables.items()]
        user = ["runuser", "-u", USER, "--", "env", *own]
        root = Path(directory, "root")
        cuddy = Cuddy(root, run / "cuddy", [*user, f"CUDDY_ROOT={root}", *PROGRAM])
        cuddy.environment = {"PATH": os.environ["PATH"]}
        flags = ("--idle-timeout", "2")
        units = Units(cuddy, [*user, "systemctl", "--user"], run / "systemd/user", *flags)
        yield units
        units.close()
        cuddy.remove_all()


@pytest.fixture(params=["roots", "users"])
def units(request: pytest.FixtureRequest, home: Cuddy) -> Units:
    """`home` for the leak detector, which is to look when the session's network is made."""
    units: Units = request.getfixturevalue(request.param)
    return units


def begin_box(api: Api) -> None:
    made = api("POST", "/containers/create", BOX, name="box")
    assert made.status == 201, made
    started = api("POST", "/containers/box/start")
    assert started.status == 204, started


def test_it_comes_for_a_client_and_goes_without_one(units: Units) -> None:
    assert units.asked("ActiveState") == "inactive"
    begin_box(units.api)
    units.become("inactive")
    assert units.asked("Result") == "success"
    assert units.cuddy.field("box", "{{.State.Running}}") == "true"
    assert [each["Names"] for each in units.api.get("/containers/json")] == [["/box"]]
    assert units.asked("ActiveState") == "active"


def test_its_end_is_no_containers(units: Units) -> None:
    begin_box(units.api)
    units.do("kill", "--kill-who=main", "--signal=KILL", "cuddy-api.service")
    units.become("failed")
    assert units.api.get("/containers/box/json")["State"]["Running"]
    units.do("stop", "cuddy-api.service")
    assert units.cuddy.field("box", "{{.State.Running}}") == "true"
    assert units.api.get("/containers/box/json")["State"]["Running"]


def test_roots_socket_is_a_groups(roots: Units) -> None:
    path = roots.api.path
    assert (path.group(), path.stat().st_mode & 0o777) == ("nogroup", 0o660)


def test_no_socket_is_left_of_a_stopped_unit(roots: Units) -> None:
    roots.do("stop", "cuddy-api.socket")
    assert not roots.api.path.exists()
    roots.do("start", "cuddy-api.socket")
    assert roots.api.get("/version")["ApiVersion"]
