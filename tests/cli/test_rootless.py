"""The same commands as an ordinary user: with ranges of ids and newuidmap, and without either."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import isolation
from bundles import OURS
from console import ENGINE, wait_until
from cuddy.kernel import fuse_overlay
from leaks import cgroup_mounts
from ordinary_user import SUBORDINATE, OrdinaryUser, with_alpine
from registry import Registry

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="how others do it is their affair")
NOWHERE = ("--network", "none")


@pytest.fixture(scope="module", params=["ids", "alone"])
def user(request: pytest.FixtureRequest, registry: Registry) -> Iterator[OrdinaryUser]:
    """Somebody with 65536 ids besides the own one, and somebody with the own one only."""
    has_ids = request.param == "ids"
    if has_ids and not shutil.which("newuidmap"):
        pytest.skip("newuidmap is not installed: package uidmap")
    with with_alpine(OrdinaryUser(f"cuddy-{request.param}", has_ids=has_ids), registry) as made:
        yield made


def test_a_container_lives_as_any_other(user: OrdinaryUser) -> None:
    script = "echo said; trap 'exit 3' TERM; while :; do sleep 0.1; done"
    user.ok("run", "-d", "--name", "one", *NOWHERE, "alpine", "sh", "-c", script)
    wait_until(lambda: user.ok("logs", "one") == "said")
    assert user.ok("ps", "--format", "{{.Names}} {{.State}}") == "one running"
    assert user.ok("exec", "one", "sh", "-c", "id -u; touch /made; echo $$").startswith("0\n")
    assert "sleep 0.1" in user.ok("top", "one")
    source = user.home / "source"
    source.write_text("copied")
    user.ok("cp", source, "one:/root/copy")
    assert user.ok("exec", "one", "cat", "/root/copy") == "copied"
    assert b"copied" in user("cp", "one:/root/copy", "-").stdout
    assert "A /made" in user.ok("diff", "one").splitlines()
    # Root in there is the user out here.
    assert os.stat(f"/proc/{user.pid('one')}").st_uid == user.uid
    user.ok("stop", "one")
    assert user.field("one", "{{.State.ExitCode}}") == "3"
    user.ok("rm", "one")


def test_a_container_is_explained_beside_the_users_own_side(user: OrdinaryUser) -> None:
    user.ok("run", "-d", "--name", "told", *NOWHERE, "alpine", "sleep", "1001")
    document = json.loads(user.ok("explain", "--json", "told"))["Topics"]
    kinds = {row["Thing"]: row for row in document["namespaces"]}
    own = os.readlink("/proc/self/ns/user")
    assert own == f"user:[{kinds['user']['Host']}]"
    assert kinds["user"]["Container"] != kinds["user"]["Host"]
    assert any(row["Note"] == "sleep 1001" for row in document["processes"])
    assert any(row["Thing"] == "/bin/busybox" for row in document["files"])
    user.ok("rm", "-f", "told")
    user.ok("create", "--name", "idle", *NOWHERE, "--user", "nobody", "alpine", "true")
    assert "uid 65534" in user.ok("explain", "-t", "users", "idle")
    user.ok("rm", "idle")


def test_a_user_tries_a_command_as_oneself(user: OrdinaryUser) -> None:
    """No overlay can be over /, as the machine's mounts are below it: it is made of parts."""
    own = user.home / "tried"
    own.mkdir()
    (own / "old").write_text("old")
    for path in (own, own / "old"):
        os.chown(path, user.uid, user.uid)
    script = f"id -u; cd {own}; stat -c %u old; echo new > old; echo x > made; ls -d /usr/bin/env"
    refused = "touch /etc/new /usr/new /new-here 2>/dev/null || echo refused"
    said = user.ok("try", "--name", "one", "--", "sh", "-c", f"{script}; {refused}", cwd="/")
    assert said.split() == [str(user.uid), str(user.uid), "/usr/bin/env", "refused"]
    assert (own / "old").read_text() == "old"
    told = user.ok("try", "diff", "one").splitlines()
    assert {f"C {own}/old", f"A {own}/made"} <= set(told)
    assert len(told) == len(own.parts) + 1
    user.ok("try", "apply", "one")
    assert (own / "old").read_text() == "new\n"
    assert (own / "made").stat().st_uid == user.uid
    assert user.ok("try", "ls", "-q") == ""


def test_what_a_container_changed_becomes_an_image(user: OrdinaryUser) -> None:
    """What is gone, and what took the place of a directory, as overlayfs marks it for users."""
    change = "rm /etc/motd; rm -r /etc/apk; mkdir /etc/apk; echo new > /etc/apk/only"
    user.ok("run", "--name", "two", *NOWHERE, "alpine", "sh", "-c", change)
    user.ok("commit", "two", "changed")
    user.ok("rm", "two")
    shown = user.ok("run", "--rm", *NOWHERE, "changed", "sh", "-c", "ls /etc/apk /etc/motd; :")
    assert shown.splitlines() == ["/etc/apk:", "only"]
    recipe = "FROM changed\nRUN --network=none rm -r /etc/apk\nCOPY that /there\n"
    (user.home / "that").write_text("x")
    user.ok("build", "-q", "-t", "built", "-f", "-", user.home, input=recipe.encode())
    shown = user.ok("run", "--rm", *NOWHERE, "built", "sh", "-c", "ls -d /etc/apk /there; :")
    assert shown.splitlines() == ["/there"]
    user.ok("rmi", "built", "changed")


def test_users_of_its_own_are_roots_to_give(user: OrdinaryUser) -> None:
    """Whatever is configured, for the machine or by the user: the containers are the user's."""
    look = ["run", "--rm", *NOWHERE, "alpine", "sh", "-c", "head -n 1 /proc/self/uid_map"]
    # /etc is a copy of the session's.
    for directory in (Path("/etc/cuddy"), user.home / ".config/cuddy"):
        directory.mkdir(parents=True)
        (directory / "config.toml").write_text('[containers]\nuserns = "auto"\n')
        try:
            assert user.ok(*look).split() == ["0", str(user.uid), "1"]
        finally:
            shutil.rmtree(directory)
    refused = user("run", "--rm", "--userns=auto", *NOWHERE, "alpine", "true")
    assert (refused.code, "can have no other" in refused.complaint) == (125, True)


def test_volumes_and_directories_of_the_user(user: OrdinaryUser) -> None:
    own = user.home / "own"
    own.mkdir()
    os.chown(own, user.uid, user.uid)
    mounts = ["-v", "kept:/kept", "-v", f"{own}:/own"]
    user.ok("run", "--rm", *NOWHERE, *mounts, "alpine", "sh", "-c", "echo 1 | tee /kept/a /own/b")
    assert (own / "b").stat().st_uid == user.uid
    assert user.ok("run", "--rm", *NOWHERE, *mounts, "alpine", "cat", "/kept/a") == "1"
    user.ok("volume", "rm", "kept")


def test_other_ids_are_those_that_were_granted(user: OrdinaryUser) -> None:
    script = "echo > /tmp/file; sleep 100"
    other = ("-d", "--name", "guest", "-u", "405:100")
    result = user("run", *other, *NOWHERE, "alpine", "sh", "-c", script)
    if user.name == "cuddy-ids":
        # 0 is the user's own id, and 1 the first that was granted.
        assert os.stat(f"/proc/{user.pid('guest')}").st_uid == SUBORDINATE + 404
        assert user.ok("exec", "guest", "id", "-u") == "405"
    else:
        assert "user 405:100 does not exist" in result.complaint
    user.ok("rm", "-f", "guest")


def test_a_terminal(user: OrdinaryUser) -> None:
    with user.terminal("run", "-it", "--rm", *NOWHERE, "alpine", "sh") as terminal:
        assert terminal.ask("tty") == "/dev/pts/0"
        terminal.line("exit 7")
        assert terminal.ends() == 7


def test_the_hosts_network_is_shared(user: OrdinaryUser) -> None:
    out = user.ok("run", "--rm", "--network", "host", "alpine", "readlink", "/proc/self/ns/net")
    assert out == os.readlink("/proc/self/ns/net")


def test_limits_that_nobody_delegated_are_refused(user: OrdinaryUser) -> None:
    result = user("run", "--rm", "-m", "64m", *NOWHERE, "alpine", "true")
    assert "limits unavailable (memory) because the control group" in result.complaint
    user.ok("run", "-d", "--name", "still", *NOWHERE, "alpine", "sleep", "100")
    assert "limits unavailable (freezer) because" in user("pause", "still").complaint
    user.ok("rm", "-f", "still")


def test_limits_that_were_delegated_hold(user: OrdinaryUser) -> None:
    with delegated(user) as enter:
        user.ok("run", "--rm", "-m", "64m", *NOWHERE, "alpine", "true", preexec_fn=enter)
        user.ok("run", "-d", "--name", "held", *NOWHERE, "alpine", "sleep", "99", preexec_fn=enter)
        user.ok("pause", "held", preexec_fn=enter)
        assert user.field("held", "{{.State.Status}}") == "paused"
        user.ok("unpause", "held", preexec_fn=enter)
        # Whoever looks after its monitor was killed need not be in the same group.
        os.kill(int(Path(f"/proc/{user.pid('held')}/stat").read_text().split()[3]), signal.SIGKILL)
        wait_until(lambda: user.field("held", "{{.State.Status}}") == "exited")
        user.ok("rm", "held")


@contextmanager
def delegated(user: OrdinaryUser) -> Iterator[Callable[[], None]]:
    """A group in each hierarchy that is the user's; what puts a process of ours below it."""
    made = []
    for top in map(Path, cgroup_mounts()):
        group = top / isolation.name() / "of-a-user"
        inside = group / "inside"  # version 2 divides no group that has processes
        inside.mkdir(parents=True)
        made.append(group)
        if (top / "tasks").exists():
            take_processors(group.parent, group, inside)
        else:
            offer_controllers(top, group.parent)
        for directory in (group, inside):
            for path in (directory, *directory.glob("cgroup.*"), *directory.glob("tasks")):
                os.chown(path, user.uid, user.uid)

    def enter() -> None:
        for group in made:
            (group / "inside/cgroup.procs").write_text("0")

    try:
        yield enter
    finally:
        for group in made:
            wait_until(functools.partial(remove, group.parent))


def take_processors(*groups: Path) -> None:
    """Version 1: a new group has none."""
    for path in groups:
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (path / name).exists() and not (path / name).read_text().strip():
                (path / name).write_text((path.parent / name).read_text())


def offer_controllers(*groups: Path) -> None:
    """Version 2: what groups below have is said by the one above."""
    for path in groups:
        for name in {"cpu", "memory", "pids"} & set(
            (path / "cgroup.controllers").read_text().split()
        ):
            (path / "cgroup.subtree_control").write_text(f"+{name}")


def remove(group: Path) -> bool:
    """Remove a group and those below it; whether it is gone."""
    for directory, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            return False
    return True


def test_doctor_names_what_is_missing(user: OrdinaryUser) -> None:
    told = {line["Topic"]: line for line in map(json.loads, listed(user))}
    assert told["overlayfs"]["State"] == "ok"
    expected = "ok" if user.name == "cuddy-ids" else "less"
    assert told["/etc/subuid"]["State"] == told["/etc/subgid"]["State"] == expected
    if expected == "less":
        assert "usermod --add-subuids" in told["/etc/subuid"]["Fix"]
        assert told["/etc/subuid"]["Fix"].endswith(f" {user.name}")
    assert not list(user.root.glob("*.tmp"))
    assert "name=rootless" in user.ok("info", "--format", "{{.SecurityOptions}}")


def listed(user: OrdinaryUser) -> list[str]:
    return user.ok("doctor", "--format", "json").splitlines()


def test_the_host_image_shows_the_machine(user: OrdinaryUser) -> None:
    """Something is mounted in /etc here, so that the kernel's overlay cannot have it below."""
    if not fuse_overlay.is_there():
        pytest.skip("fuse-overlayfs is not installed")
    out = user.ok("run", "--rm", *NOWHERE, "host", "sh", "-c", "touch /etc/x; ls /etc/x; id -u")
    assert out.splitlines() == ["/etc/x", "0"]


@pytest.mark.skipif(not fuse_overlay.is_there(), reason="fuse-overlayfs is not installed")
def test_where_the_kernel_refuses_overlays_a_program_makes_them(registry: Registry) -> None:
    has_ids = bool(shutil.which("newuidmap"))
    somebody = OrdinaryUser("cuddy-fuse", has_ids=has_ids, on_overlay=True)
    with with_alpine(somebody, registry) as user:
        told = {line["Topic"]: line for line in map(json.loads, listed(user))}
        assert told["overlayfs"]["State"] == "less"
        change = "rm -r /etc/apk; mkdir /etc/apk; echo new > /etc/apk/only; rm /etc/motd; mount"
        out = user.ok("run", "--name", "two", *NOWHERE, "alpine", "sh", "-c", change)
        assert "fuse-overlayfs on / " in out
        assert ".wh." not in user.ok("diff", "two")
        user.ok("commit", "two", "changed")
        shown = user.ok(
            "run", "--rm", *NOWHERE, "changed", "sh", "-c", "ls -A /etc/apk /etc/motd; :"
        )
        assert shown.splitlines() == ["/etc/apk:", "only"]


def test_the_runtime_takes_a_bundle_of_the_users(user: OrdinaryUser) -> None:
    """The user namespace is the bundle's own, made by a runtime that is not root."""
    bundle = user.home / "bundle"
    user.own("mkdir", "-p", bundle / "rootfs")
    archive = user("export", user.ok("create", *NOWHERE, "alpine")).stdout
    subprocess.run(
        [*user.prefix, "tar", "-C", str(bundle / "rootfs"), "--no-same-owner", "-x"],
        input=archive, check=True,
    )  # fmt: skip
    runtime = [*OURS, "--root", user.home / "state"]
    user.own(*runtime, "spec", "--rootless", "--bundle", bundle)
    config = json.loads((bundle / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["cat", "/proc/self/uid_map"]}
    expected = f"0 {user.uid} 1"
    if user.name == "cuddy-ids":
        others = {"containerID": 1, "hostID": SUBORDINATE, "size": 65536}
        for kind in ("uidMappings", "gidMappings"):
            config["linux"][kind].append(others)
        expected += f" 1 {SUBORDINATE} 65536"
    (bundle / "config.json").write_text(json.dumps(config))
    # Root has a group of that name, which is no affair of the user's.
    name = f"{isolation.name()}-same"
    group = Path(cgroup_mounts()[-1], name)
    group.mkdir()
    try:
        assert user.own(*runtime, "run", "--bundle", bundle, name).split() == expected.split()
    finally:
        group.rmdir()
    user.remove_all()


def test_a_container_is_built_in_steps_within_the_users_namespace(user: OrdinaryUser) -> None:
    words = ["--hostname", "built", "alpine", "sh", "-c", "id -u; exit 3"]
    result = user("run", "--rm", "--step", *NOWHERE, *words)
    assert result.code == 3, result.err
    for said in ("1 in there", "is   built", "pivot_root('.', '.') = 0", "14 of "):
        assert said in result.out, result.out
    assert result.out.endswith("\n0")
    assert user.ok("ps", "-aq") == ""


def test_a_sandbox_has_snapshots_and_forks(user: OrdinaryUser) -> None:
    user.ok("sandbox", "create", "--name", "box", *NOWHERE, "alpine")
    user.ok("sandbox", "write", "box", "/words", input=b"one")
    assert user.ok("sandbox", "snapshot", "box") == "1"
    user.ok("sandbox", "exec", "box", "rm", "/words", "/etc/passwd")
    assert "D /etc/passwd" in user.ok("sandbox", "diff", "box").splitlines()
    user.ok("sandbox", "restore", "box", "1")
    assert user.ok("sandbox", "exec", "box", "cat", "/words") == "one"
    assert user.ok("sandbox", "exec", "box", "ls", "/etc/passwd") == "/etc/passwd"
    user.ok("sandbox", "fork", "--name", "other", "--ttl", "2s", "box")
    wait_until(lambda: user.ok("sandbox", "ls", "--format", "{{.Name}}") == "box")
    user.ok("sandbox", "rm", "box")
