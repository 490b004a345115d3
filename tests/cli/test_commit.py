"""`commit`: an image of what a container is now, deletions and all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from console import ENGINE, Cuddy, children_of, wait_until

ours = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about how cuddy does it")


def run(cuddy: Cuddy, *words: str) -> None:
    """A container named `box` that has run a command."""
    cuddy.ok("run", "--name", "box", "--network", "none", *words)


def config(cuddy: Cuddy, image: str) -> dict[str, Any]:
    found: dict[str, Any] = cuddy.inspect(image)["Config"]
    return {key: value for key, value in found.items() if value}


def in_image(cuddy: Cuddy, image: str, command: str) -> str:
    return cuddy.ok("run", "--rm", "--network", "none", image, "sh", "-c", command)


@pytest.fixture
def new(cuddy: Cuddy):
    """A name for the image; it is removed with the others that a test makes."""
    before = set(cuddy.ok("images", "-aq", "--no-trunc").split())
    yield "committed:1"
    cuddy.remove_all()
    made = set(cuddy.ok("images", "-aq", "--no-trunc").split()) - before
    if made:
        cuddy.ok("rmi", "-f", *made)


class TestFiles:
    def test_what_is_new_and_what_is_changed(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "sh", "-c", "echo a >/new; echo b >>/etc/passwd; chmod 600 /etc/group")
        cuddy.ok("commit", "box", new)
        out = in_image(cuddy, new, "cat /new; tail -n 1 /etc/passwd; stat -c %a /etc/group")
        assert out.split() == ["a", "b", "600"]
        assert in_image(cuddy, "alpine", "test -e /new || echo missing") == "missing"

    def test_what_is_gone(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "sh", "-c", "rm /etc/passwd; rm -r /usr")
        cuddy.ok("commit", "box", new)
        out = in_image(cuddy, new, "ls -d /etc/passwd /usr /etc/group 2>/dev/null; true")
        assert out == "/etc/group"

    def test_a_directory_that_was_removed_and_made_again(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "sh", "-c", "rm -rf /var && mkdir /var && echo x >/var/only")
        cuddy.ok("commit", "box", new)
        assert in_image(cuddy, new, "ls -A /var") == "only"

    def test_a_commit_of_a_commit(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "sh", "-c", "mkdir /d; touch /d/a /d/b")
        cuddy.ok("commit", "box", new)
        change = "rm /d/a; touch /d/c"
        cuddy.ok("run", "--name", "again", "--network", "none", new, "sh", "-c", change)
        cuddy.ok("commit", "again", "committed:2")
        assert in_image(cuddy, "committed:2", "ls /d").split() == ["b", "c"]
        assert in_image(cuddy, new, "ls /d").split() == ["a", "b"]

    def test_volumes_are_no_part_of_it(self, cuddy: Cuddy, new: str, tmp_path: Path) -> None:
        (tmp_path / "secret").touch()
        flags = ["-v", f"{tmp_path}:/data", "--tmpfs", "/scratch"]
        run(cuddy, *flags, "alpine", "touch", "/scratch/x")
        cuddy.ok("commit", "box", new)
        assert in_image(cuddy, new, "ls -A /data /scratch").split() == ["/data:", "/scratch:"]

    def test_of_a_container_that_runs_and_goes_on(self, cuddy: Cuddy, new: str) -> None:
        command = "touch /before; while :; do date +%s%N >/count; done"
        cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sh", "-c", command)
        wait_until(lambda: cuddy("exec", "box", "test", "-e", "/before").code == 0)
        cuddy.ok("commit", "box", new)
        first = cuddy.ok("exec", "box", "cat", "/count")
        wait_until(lambda: cuddy.ok("exec", "box", "cat", "/count") not in ("", first))
        assert in_image(cuddy, new, "ls /before") == "/before"

    def test_without_a_pause(self, cuddy: Cuddy, new: str) -> None:
        cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sleep", "1000")
        cuddy.ok("commit", "--pause=false", "box", new)
        cuddy.ok("run", "--rm", "--network", "none", new, "true")

    def test_of_one_that_never_ran_nothing_is_added(self, cuddy: Cuddy, new: str) -> None:
        cuddy.ok("create", "--name", "box", "alpine", "true")
        cuddy.ok("commit", "box", new)
        layers = [cuddy.inspect(name)["RootFS"]["Layers"] for name in ("alpine", new)]
        assert layers[0] == layers[1][: len(layers[0])]
        assert cuddy.ok("run", "--rm", "--network", "none", new, "echo", "well") == "well"

    @ours
    def test_the_engine_s_own_files_are_no_change(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "touch", "/only")
        cuddy.ok("commit", "box", new)
        directory = max((cuddy.root / "layers").iterdir(), key=lambda path: path.stat().st_ctime_ns)
        files = {path.name for path in directory.rglob("*") if path.is_file()}
        assert files == {"only"}


class TestConfig:
    def test_the_container_s_own(self, cuddy: Cuddy, new: str) -> None:
        flags = [
            "-e",
            "A=1",
            "--label",
            "x=y",
            "-w",
            "/tmp",
            "-u",
            "1:2",
            "--hostname",
            "foo",
            "-t",
        ]
        run(cuddy, *flags, "-t", "alpine", "true", "and", "more")
        cuddy.ok("commit", "box", new)
        found = config(cuddy, new)
        env = [each for each in found["Env"] if not each.startswith("PATH=")]
        assert env == ["A=1"]
        assert found["Cmd"] == ["true", "and", "more"]
        assert (found["Labels"], found["WorkingDir"], found["User"]) == ({"x": "y"}, "/tmp", "1:2")

    def test_changes_over_it(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "-e", "A=1", "alpine", "true")
        changes = ["ENV B=$A:2", "EXPOSE 80 90-91/udp", 'CMD ["echo","hi"]', "WORKDIR /srv"]
        changes += ["LABEL a=b", "VOLUME /data", "USER guest", "ENV A=3"]
        cuddy.ok("commit", *(word for each in changes for word in ("-c", each)), "box", new)
        found = config(cuddy, new)
        env = [each for each in found["Env"] if not each.startswith("PATH=")]
        assert env == ["A=3", "B=1:2"]
        assert found["ExposedPorts"] == {"80/tcp": {}, "90/udp": {}, "91/udp": {}}
        assert (found["Cmd"], found["WorkingDir"]) == (["echo", "hi"], "/srv")
        assert (found["Volumes"], found["User"]) == ({"/data": {}}, "guest")
        assert found["Labels"]["a"] == "b"

    def test_an_entrypoint_makes_the_command_meaningless(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "true")
        cuddy.ok("commit", "-c", 'ENTRYPOINT ["echo", "hi"]', "box", new)
        assert cuddy.ok("run", "--rm", "--network", "none", new) == "hi"

    def test_the_history_grows(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "touch", "/x")
        identity = cuddy.ok("commit", "-a", "Ada", "-m", "a note", "box", new)
        lines = cuddy.ok("history", "--no-trunc", "--format", "{{json .}}", new).splitlines()
        newest = json.loads(lines[0])
        assert (newest["CreatedBy"], newest["Comment"]) == ("touch /x", "a note")
        assert len(lines) == 1 + len(cuddy.ok("history", "-q", "alpine").splitlines())
        found = cuddy.inspect(new)
        assert (found["Id"], found["Author"]) == (identity, "Ada")
        assert found["Parent"] == cuddy.inspect("alpine")["Id"]

    @pytest.mark.parametrize("change", ["FOO x", "ENV", 'CMD ["a", 1]', "EXPOSE abc", ""])
    def test_a_change_that_makes_no_sense(self, cuddy: Cuddy, new: str, change: str) -> None:
        run(cuddy, "alpine", "true")
        result = cuddy("commit", "-c", change, "box", new)
        assert result.code == 1
        named = change.partition(" ")[0] in result.complaint
        assert named or ENGINE != "cuddy"

    def test_names_are_checked_first(self, cuddy: Cuddy) -> None:
        run(cuddy, "alpine", "true")
        assert cuddy("commit", "box", "No Such/Name").code == 1
        assert cuddy("commit", "nobody", "name").code == 1

    def test_an_image_without_a_name_is_known_by_its_id(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "touch", "/x")
        identity = cuddy.ok("commit", "box")
        assert in_image(cuddy, identity, "ls /x") == "/x"
        assert identity in cuddy.ok("images", "-q", "--no-trunc", "-f", "dangling=true")


@ours
class TestTheStore:
    def test_an_image_that_lost_its_name_can_be_committed_upon(self, fresh: Cuddy) -> None:
        run(fresh, "alpine", "touch", "/x")
        fresh.ok("rmi", "-f", "alpine")
        fresh.ok("commit", "box", "alpine")
        assert in_image(fresh, "alpine", "ls /x") == "/x"

    def test_skopeo_finds_all_of_it(self, fresh: Cuddy, tmp_path: Path) -> None:
        if not shutil.which("skopeo"):
            pytest.skip("skopeo is not installed: it is the judge")
        run(fresh, "alpine", "touch", "/x")
        fresh.ok("commit", "box", "new")
        source = f"oci:{fresh.root}/images:docker.io/library/new:latest"
        command = ["skopeo", "--insecure-policy", "copy", source, f"dir:{tmp_path}/copied"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def test_the_image_host_is_refused(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "box", "host")
        result = cuddy("commit", "box", "new")
        assert result.code == 1
        assert "export" in result.complaint


def is_frozen(pid: int) -> bool:
    """Whether a process is in a frozen group, of whichever version: it does not answer."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/freezer"):
            events, old = Path(f"{top}{path}/cgroup.events"), Path(f"{top}{path}/freezer.state")
            if controllers == "" and events.exists() and "frozen 1" in events.read_text():
                return True
            if controllers == "freezer" and old.exists() and old.read_text().strip() != "THAWED":
                return True
    return False


def big(cuddy: Cuddy) -> int:
    """A running container with enough to commit; its pid."""
    cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sh", "-c",
             "head -c 60000000 /dev/urandom >/big; touch /ready; sleep 1000")  # fmt: skip
    wait_until(lambda: cuddy("exec", "box", "test", "-e", "/ready").code == 0, timeout=20)
    return cuddy.pid("box")


@ours
class TestKilled:
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_in_the_middle_the_container_goes_on(
        self, cuddy: Cuddy, new: str, number: signal.Signals
    ) -> None:
        pid = big(cuddy)
        with cuddy.start("commit", "box", new) as process:
            wait_until(lambda: is_frozen(pid), what="it was not frozen")
            process.send_signal(number)
            process.wait()
        wait_until(lambda: not is_frozen(pid), what="it stays frozen")
        assert cuddy.ok("exec", "box", "echo", "well") == "well"
        assert cuddy("image", "inspect", new).code == 1
        cuddy.ok("commit", "box", new)
        assert in_image(cuddy, new, "stat -c %s /big") == "60000000"

    def test_a_guard_that_is_killed_is_stood_in_for(self, cuddy: Cuddy, new: str) -> None:
        pid = big(cuddy)
        with cuddy.start("commit", "box", new) as process:
            # The second child reads: the guard has said that it is frozen.
            wait_until(lambda: len(children_of(process.pid)) > 1, what="it was not frozen")
            assert is_frozen(pid)
            for child in children_of(process.pid):
                if os.getsid(child) == child:
                    os.kill(child, signal.SIGKILL)
            assert process.wait() == 0
        assert not is_frozen(pid)
        assert cuddy.ok("exec", "box", "echo", "well") == "well"

    def test_at_any_moment_nothing_is_left(self, cuddy: Cuddy, new: str) -> None:
        run(cuddy, "alpine", "sh", "-c", "head -c 20000000 /dev/urandom >/big")
        for delay in (0.05, 0.1, 0.15, 0.2, 0.3):
            with cuddy.start("commit", "box", new) as process:
                time.sleep(delay)
                process.kill()
                process.wait()
        cuddy.ok("commit", "box", new)
        assert in_image(cuddy, new, "stat -c %s /big") == "20000000"
        # The files of a container that is removed go behind its back.
        wait_until(lambda: os.listdir(cuddy.root / "tmp") == [], what="left in tmp")
