"""RUN with mounts: files of contexts and stages, secrets, agents, caches."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from build_steps import Ran, Root, kill_worker
from console import ENGINE, Cuddy, children_of, is_alive, kill, wait_until
from cuddy.builder import dockerignore
from cuddy.builder import run as runs
from cuddy.builder.instructions import Heredoc, Place, Run
from cuddy.builder.options import BuildOptions
from cuddy.builder.run_view import Origin
from cuddy.builder.secrets import Secrets
from cuddy.builder.ssh import Agents
from cuddy.builder.tree import Tree
from cuddy.errors import CuddyError
from cuddy.image import store

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="other engines build otherwise")

PLAIN = BuildOptions(".")


class Bench:
    """RUNs on a root, with a context and whatever the user lends."""

    def __init__(self, root: Root, directory: Path) -> None:
        self.root = root
        self.context = directory / "context"
        self.context.mkdir()
        self.context_fd = os.open(self.context, os.O_RDONLY | os.O_DIRECTORY)
        self.ignore = b""
        self.owner: tuple[int, int] | None = (0, 0)
        self.environment: dict[str, str] = {}

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def origin(self, name: str) -> Origin:
        if name == "empty":
            return Origin()
        if name:
            return Origin(store.resolve(self.root.home.storage, "alpine").chain_ids, key="alpine")
        fd = self.context_fd  # as a driver has it, of another mount namespace
        rules = dockerignore.parse(self.ignore) if self.ignore else None
        return Origin(tree=Tree(fd, "build context", rules, owner=self.owner))

    def run(
        self, script: str, *mounts: str, workdir: str = "/work", user: str = "", **fields: Any
    ) -> Ran:
        """One RUN; a failure to begin is its stderr, and its code is -1."""
        return self.root.within(lambda: self.step(script, *mounts, workdir=workdir, user=user,
                                                  **fields))  # fmt: skip

    def step(
        self, script: str, *mounts: str, workdir: str = "/work", user: str = "",
        options: BuildOptions = PLAIN, **fields: Any,
    ) -> Ran:  # fmt: skip
        out: dict[int, bytes] = {1: b"", 2: b""}
        warnings: list[str] = []

        def take(stream: int, data: bytes) -> None:
            out[stream] += data

        instruction = Run(Place(1, 1), script, None, script, mounts=mounts)._replace(**fields)
        config: Any = {"User": user, "WorkingDir": workdir}
        try:
            wanted = runs.want(instruction, config, ("PATH=/usr/bin:/bin:/sbin",), options, str)
            lent = runs.Lent(
                self.origin, Secrets(options.secrets, self.environment),
                Agents(options.ssh, self.environment),
            )  # fmt: skip
            code = runs.run(
                self.root.home, wanted, str(self.root.path), options, lent, take, warnings.append
            )
        except CuddyError as error:
            return Ran(-1, "", str(error), warnings)
        return Ran(code, out[1].decode(), out[2].decode(), warnings)


@pytest.fixture
def bench(cuddy: Cuddy, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(Root(cuddy, tmp_path), tmp_path)
    yield made
    os.close(made.context_fd)


class TestBind:
    def test_the_context_is_shown_and_cannot_be_written(self, bench: Bench) -> None:
        bench.write("src/main.c", "int main;")
        ran = bench.run("cat in/src/main.c; touch in/x", "target=in")
        assert ran.out == "int main;", ran
        assert "Read-only" in ran.err
        assert bench.root.written() == []

    def test_what_is_written_with_rw_is_thrown_away(self, bench: Bench) -> None:
        bench.write("a", "old")
        ran = bench.run("echo new > /in/a; rm -rf /in/b; cat /in/a", "rw,target=/in")
        assert ran.out == "new\n"
        assert (bench.context / "a").read_text() == "old"

    def test_one_file_can_be_shown(self, bench: Bench) -> None:
        bench.write("deep/lock.json", "{}")
        mount = "type=bind,source=deep/lock.json,target=lock.json"
        assert bench.run("cat lock.json", mount).out == "{}"
        ran = bench.run("echo 1 > lock.json; cat lock.json", f"{mount},rw")
        assert (ran.out, ran.err) == ("1\n", "")
        assert (bench.context / "deep/lock.json").read_text() == "{}"

    def test_ignored_files_are_not_there(self, bench: Bench) -> None:
        bench.ignore = b".git\n*.log\nkeep/*\n!keep/this\n"
        for name in (".git/config", "a.log", "a.txt", "sub/b.log", "keep/this", "keep/that"):
            bench.write(name, name)
        assert bench.run("find /in -type f | sort", "target=/in").out.split() == [
            "/in/a.txt", "/in/keep/this", "/in/sub/b.log",
        ]  # fmt: skip
        ran = bench.run("touch /in/a.log /in/.git; ls -A /in", "target=/in,rw")
        assert ran.out.split() == [".git", "a.log", "a.txt", "keep", "sub"]
        assert (bench.context / "a.log").read_text() == "a.log"
        ran = bench.run("true", "target=/in,source=.git/config")
        assert (ran.code, ran.err.partition(" (")[0]) == (-1, '".git/config": not found')

    def test_what_belongs_to_the_user_is_roots(self, bench: Bench) -> None:
        bench.write("a", "1")
        for path in (bench.context, bench.context / "a"):
            os.chown(path, 1234, 1234)
        assert bench.run("stat -c %u:%g /in /in/a", "target=/in").out.split() == ["0:0", "0:0"]

    def test_what_belongs_to_several_users_is_roots_too(self, bench: Bench) -> None:
        bench.ignore = b"ignored"
        for number, name in enumerate(("a", "sub/b", "ignored")):
            bench.write(name, name, mode=0o600)
            os.chown(bench.context / name, number, number)
        script = "cat /in/a /in/sub/b; stat -c ' %u:%g' /in/a /in/sub/b; ls /in; touch /in/a"
        ran = bench.run(script, "target=/in", user="0")
        assert ran.out.split() == ["asub/b", "0:0", "0:0", "a", "sub"]
        assert "Read-only" in ran.err

    def test_links_lead_nowhere_but_inside_the_context(self, bench: Bench) -> None:
        bench.write("real", "inside")
        (bench.context / "link").symlink_to("/real")
        (bench.context / "out").symlink_to("../../../../../../etc/passwd")
        assert bench.run("cat x", "source=link,target=x").out == "inside"
        assert '"/out": not found' in bench.run("cat x", "source=out,target=x").err

    def test_sockets_and_fifos_of_the_context_lead_nowhere(self, bench: Bench) -> None:
        """Of a context that is somebody's home directory: an agent's socket, a daemon's."""
        os.mkfifo(bench.context / "fifo")
        fifo_fd = os.open(bench.context / "fifo", os.O_RDWR | os.O_NONBLOCK)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(bench.context / "socket"))
        listener.listen()
        script = "echo x | timeout 1 nc local:/in/socket; timeout 0.2 sh -c 'echo x > /in/fifo'"
        for mount in ("target=/in", "target=/in,rw"):
            bench.run(script, mount)
        listener.setblocking(False)
        try:
            with pytest.raises(BlockingIOError):
                listener.accept()
            with pytest.raises(BlockingIOError):
                os.read(fifo_fd, 1)
        finally:
            listener.close()
            os.close(fifo_fd)

    def test_files_of_an_image(self, bench: Bench) -> None:
        ran = bench.run("ls /in; touch /in/x", "from=other,source=/bin,target=/in")
        assert "busybox" in ran.out or "sh" in ran.out
        assert "Read-only" in ran.err
        ran = bench.run("touch /in/x && ls /in/x", "from=other,source=/etc,target=/in,rw")
        assert ran.out == "/in/x\n"

    def test_a_stage_without_layers_is_empty(self, bench: Bench) -> None:
        ran = bench.run("ls -A /in; touch /in/x", "from=empty,target=/in")
        assert (ran.out, "Read-only" in ran.err) == ("", True)
        assert bench.run("touch /in/x; ls /in", "from=empty,target=/in,rw").out == "x\n"

    def test_nothing_stays_of_the_places(self, bench: Bench) -> None:
        bench.write("a", "1")
        bench.run("true", "target=/x/y/z", "type=tmpfs,target=/scratch", workdir="/")
        assert bench.root.written() == []

    def test_a_mount_at_etc_brings_its_own_files(self, bench: Bench) -> None:
        bench.write("hosts", "own")
        assert bench.run("cat /etc/hosts; ls /etc", "target=/etc").out == "ownhosts\n"
        ran = bench.run("cat /etc/hosts; cat /etc/resolv.conf", "type=tmpfs,target=/etc")
        assert "buildkitsandbox" in ran.out
        assert "nameserver" in ran.out

    def test_the_root_cannot_be_covered(self, bench: Bench) -> None:
        assert 'invalid mount target "/"' in bench.run("true", "target=/").err


class TestTmpfs:
    def test_it_is_empty_and_as_big_as_it_was_asked_for(self, bench: Bench) -> None:
        ran = bench.run("df -k /t | tail -1; echo x > /t/x", "type=tmpfs,target=/t,size=1m")
        assert ran.out.split()[1] == "1024"
        assert bench.root.written() == ["/work"]


class TestSecret:
    options = BuildOptions(".", secrets=("id=token,env=TOKEN",))

    def test_it_is_a_file_that_only_its_owner_reads(self, bench: Bench) -> None:
        bench.environment = {"TOKEN": "s3cret"}
        ran = bench.run(
            "cd /run/secrets; cat token; stat -c ' %a %u' token; stat -f -c %T token; echo > token",
            "type=secret,id=token", options=self.options,
        )  # fmt: skip
        assert ran.out.split() == ["s3cret", "400", "0", "tmpfs"]
        assert "Read-only" in ran.err
        assert bench.root.written() == ["/work"]

    def test_mode_owner_and_place_can_be_chosen(self, bench: Bench) -> None:
        bench.environment = {"TOKEN": "s3cret"}
        mount = "type=secret,id=token,dst=/s,mode=0440,uid=7,gid=8"
        script = "cat /s; stat -c ' %a %u %g' /s"
        ran = bench.run(script, mount, options=self.options, user="7")
        assert ran.out.split() == ["s3cret", "440", "7", "8"]

    def test_it_is_a_variable(self, bench: Bench) -> None:
        bench.environment = {"TOKEN": "s3cret"}
        mount = "type=secret,id=token,env=T"
        ran = bench.run("echo $T; ls /run/secrets", mount, options=self.options)
        assert ran.out == "s3cret\n"
        assert "No such file" in ran.err

    def test_from_a_file(self, bench: Bench, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"\x00\xffkey")
        options = BuildOptions(".", secrets=(f"id=k,src={tmp_path}/key",))
        ran = bench.run("wc -c < /run/secrets/k", "type=secret,id=k", options=options)
        assert ran.out.strip() == "5"

    def test_without_one_it_is_missing_only_if_it_is_required(self, bench: Bench) -> None:
        assert bench.run("ls /run/secrets", "type=secret,id=no").code
        ran = bench.run("true", "type=secret,id=no,required")
        assert (ran.code, ran.err.partition(" (")[0]) == (-1, "secret no: not found")

    def test_it_is_nowhere_on_the_disk(self, bench: Bench) -> None:
        bench.environment = {"TOKEN": "s3cret-on-no-disk"}

        pid = os.fork()
        if pid == 0:
            mounts = ("type=secret,id=token", "type=secret,id=token,env=T")
            bench.run("touch /ready; sleep 0.3", *mounts, options=self.options)
            os._exit(0)
        wait_until((bench.root.upper / "ready").exists)
        for top in (bench.root.home.root, bench.root.home.run_root, str(bench.root.upper)):
            command = ["grep", "-rlaF", "s3cret-on-no-disk", top]
            assert subprocess.run(command, capture_output=True, text=True).stdout == ""
        os.waitpid(pid, 0)


class TestScript:
    def test_a_heredoc_with_its_own_interpreter_is_a_file(self, bench: Bench) -> None:
        text = "#!/bin/busybox sh\necho by $0\n"
        ran = bench.run("", command="<<EOF", heredocs=(Heredoc("EOF", text, True),))
        assert ran.out == "by /dev/pipes/EOF\n"
        assert bench.root.written() == ["/work"]


class TestNetworkAndSecurity:
    @pytest.mark.parametrize(
        "wrong",
        [{"ulimits": ("nofile=x",)}, {"secrets": ("id=a,src=/nowhere",)}, {"ssh": ("default",)},
         {"add_hosts": ("a",)}, {"memory": 1}],
    )  # fmt: skip
    def test_what_makes_no_sense_is_told_before_any_step(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(CuddyError):
            runs.check(BuildOptions(".", **wrong))

    def test_none_is_alone(self, bench: Bench) -> None:
        assert bench.run("ip link | grep -c '^[0-9]'", network="none").out == "1\n"

    def test_the_hosts_network_must_be_allowed(self, bench: Bench) -> None:
        ran = bench.run("true", network="host")
        assert (ran.code, ran.err.partition(" (")[0]) == (-1, "network.host is not allowed")
        options = BuildOptions(".", allow=("network.host",))
        ran = bench.run("readlink /proc/self/ns/net", network="host", options=options)
        assert ran.out.strip() == os.readlink("/proc/self/ns/net")

    def test_insecure_must_be_allowed_and_can_mount(self, bench: Bench) -> None:
        assert "security.insecure is not allowed" in bench.run("true", security="insecure").err
        options = BuildOptions(".", allow=("security.insecure",))
        ran = bench.run("mkdir /m; mount -t tmpfs x /m && echo mounted", security="insecure",
                        options=options)  # fmt: skip
        assert ran.out == "mounted\n"

    def test_devices_must_be_allowed(self, bench: Bench) -> None:
        assert "device is not allowed" in bench.run("true", devices=("vendor.com/x=0",)).err
        options = BuildOptions(".", allow=("device",))
        assert bench.run("true", devices=("vendor.com/x=0",), options=options).code == 0
        ran = bench.run("true", devices=("vendor.com/x=0,required",), options=options)
        assert ran.code == -1

    def test_a_device_of_a_vendor(self, bench: Bench) -> None:
        directory = Path("/run/cdi")
        was_there = directory.exists()
        directory.mkdir(exist_ok=True)
        path = directory / f"cuddy-tests-{os.getpid()}.json"
        kind = f"cuddy.test{os.getpid()}/thing"
        edits = {"env": ["THING=1"], "deviceNodes": [{"path": "/dev/thing", "hostPath": "/dev/fuse",
                 "type": "c", "major": 10, "minor": 229}],
                 "mounts": [{"hostPath": str(directory), "containerPath": "/opt/x/y"}]}  # fmt: skip
        device = {"name": "one", "containerEdits": edits}
        document = {"cdiVersion": "0.6.0", "kind": kind, "devices": [device]}
        path.write_text(json.dumps(document))
        try:
            options = BuildOptions(".", allow=(f"device={kind}=one",))
            script = "echo $THING; stat -c '%t:%T' /dev/thing; ls /opt/x/y"
            for text in (f"{kind}=one", f"name={kind}=one,required"):
                ran = bench.run(script, devices=(text,), options=options)
                assert ran.out.split() == ["1", "a:e5", path.name], ran
            assert bench.root.written() == ["/work"]
        finally:
            path.unlink()
            if not was_there:
                directory.rmdir()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """A real ssh-agent with a key in it."""
    key, socket = make_key(tmp_path), tmp_path / "agent"
    command = ["ssh-agent", "-D", "-a", str(socket)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_until(socket.exists)
        subprocess.run(["ssh-add", "-q", str(key)], env={"SSH_AUTH_SOCK": str(socket)}, check=True)
        yield socket
        process.kill()


def make_key(directory: Path, passphrase: str = "") -> Path:
    key = directory / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "a key", "-f", str(key)],
        check=True,
    )  # fmt: skip
    return key


TALK = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for asked in sys.argv[2:]:
    s.sendall(bytes.fromhex(asked))
    print(s.recv(4096)[4:].hex())
"""


@pytest.mark.skipif(not os.path.exists("/usr/bin/ssh-agent"), reason="no OpenSSH")
class TestAgent:
    def with_socket(self, bench: Bench, options: BuildOptions, *words: str) -> str:
        """What a program says that gets the socket a step sees: SOCKET is its path."""

        def work() -> str:
            pid = os.fork()
            if pid == 0:
                bench.step("touch /ready; sleep 30", "type=ssh", options=options, workdir="/")
                os._exit(0)
            wait_until((bench.root.path / "ready").exists)
            init = step_of(pid)
            path = f"/proc/{init}/root/run/buildkit/ssh_agent.0"
            try:
                return subprocess.run(
                    [path if word == "SOCKET" else word for word in words],
                    capture_output=True, text=True, check=True,
                    env={**os.environ, "SSH_AUTH_SOCK": path},
                ).stdout  # fmt: skip
            finally:
                kill(init)
                os.waitpid(pid, 0)

        return bench.root.within(work)

    def forward(self, bench: Bench, options: BuildOptions, *questions: str) -> list[str]:
        """Speak with the agent, in bytes."""
        return self.with_socket(bench, options, "python3", "-c", TALK, "SOCKET", *questions).split()

    def test_openssh_lists_and_signs_through_it(
        self, bench: Bench, agent: Path, tmp_path: Path
    ) -> None:
        options = BuildOptions(".", ssh=(f"default={agent}",))
        (tmp_path / "text").write_text("to sign")
        (tmp_path / "key").unlink()  # the agent alone has it
        script = (
            f"ssh-add -L && ssh-keygen -Y sign -q -n x -f {tmp_path}/key.pub <{tmp_path}/text"
            " && ! ssh-add -D"
        )
        out = self.with_socket(bench, options, "sh", "-c", script)
        assert out.startswith("ssh-ed25519 ")
        assert "BEGIN SSH SIGNATURE" in out

    def test_a_step_may_ask_the_users_agent(self, bench: Bench, agent: Path) -> None:
        options = BuildOptions(".", ssh=(f"default={agent}",))
        answer = self.forward(bench, options, "000000010b")[0]
        assert answer.startswith("0c00000001")
        assert b"ssh-ed25519" in bytes.fromhex(answer)
        assert bench.root.written() == ["/ready"]

    def test_but_not_change_it(self, bench: Bench, agent: Path) -> None:
        options = BuildOptions(".", ssh=(f"default={agent}",))
        remove_all, lock = "0000000113", "0000000616" + "0000000161"
        answers = self.forward(bench, options, remove_all, lock, "000000010b")
        assert answers[:2] == ["05", "05"]
        assert answers[2].startswith("0c00000001")

    def test_keys_in_files_get_an_agent(self, bench: Bench, tmp_path: Path) -> None:
        options = BuildOptions(".", ssh=(f"default={make_key(tmp_path)}",))
        answer = self.forward(bench, options, "000000010b")[0]
        assert b"ssh-ed25519" in bytes.fromhex(answer)

    def test_each_id_has_its_own_keys(self, bench: Bench, tmp_path: Path) -> None:
        key = make_key(tmp_path)
        options = BuildOptions(".", ssh=(f"one={key}", f"two={key}"))
        mounts = ("type=ssh,id=one", "type=ssh,id=two", "type=ssh,id=two,target=/own")
        ran = bench.run("ls /run/buildkit /own; echo $SSH_AUTH_SOCK", *mounts, options=options)
        assert ran.out.split() == [
            "/own", "/run/buildkit:", "ssh_agent.0", "ssh_agent.1", "/run/buildkit/ssh_agent.0",
        ]  # fmt: skip

    def test_a_key_with_a_passphrase_is_refused(self, bench: Bench, tmp_path: Path) -> None:
        options = BuildOptions(".", ssh=(f"default={make_key(tmp_path, 'geheim')}",))
        ran = bench.run("true", "type=ssh", options=options)
        assert "cannot use ssh agent 'default'" in ran.err

    def test_a_step_without_one(self, bench: Bench) -> None:
        assert bench.run("echo .$SSH_AUTH_SOCK", "type=ssh").out == ".\n"
        ran = bench.run("true", "type=ssh,id=work,required")
        assert ran.err.partition(" (")[0] == 'no SSH key "work" forwarded from the client'

    def test_its_socket_is_the_steps(self, bench: Bench, agent: Path) -> None:
        options = BuildOptions(".", ssh=(f"work={agent}",))
        script = "ls $SSH_AUTH_SOCK; stat -c '%a %u' /s"
        ran = bench.run(script, "type=ssh,id=work,target=/s,mode=0620,uid=9", options=options)
        assert ran.out.split()[-3:] == ["/s", "620", "9"]

    def test_a_killed_worker_leaves_no_agent(self, bench: Bench, tmp_path: Path) -> None:
        options = BuildOptions(".", ssh=(f"default={make_key(tmp_path)}",))
        pid = os.fork()
        if pid == 0:
            bench.run("touch /ready; sleep 30", "type=ssh", options=options, workdir="/")
            os._exit(0)
        wait_until((bench.root.upper / "ready").exists)
        below = descendants(pid)
        assert len(below) >= 4
        kill_worker(pid)
        wait_until(lambda: not [each for each in below if is_alive(each)])


class TestKilled:
    def test_a_worker_killed_at_any_moment_leaves_nothing_of_its_mounts(
        self, cuddy: Cuddy, bench: Bench, tmp_path: Path
    ) -> None:
        chance = random.Random(9)
        bench.write("a", "1")
        bench.ignore = b"b"
        bench.write("b", "1")
        bench.environment = {"TOKEN": "s3cret"}
        mounts = (
            "target=/in,rw", "type=secret,id=token", "type=tmpfs,target=/t",
            f"type=cache,id={tmp_path},target=/c,sharing=locked", "from=x,target=/x,rw",
        )  # fmt: skip
        for number in range(int(os.environ.get("CUDDY_TESTS_KILLS", "8"))):
            bench.root = Root(cuddy, tmp_path / str(number))
            pid = os.fork()
            if pid == 0:
                try:
                    bench.run("sleep 0.02", *mounts, options=TestSecret.options)
                finally:
                    os._exit(0)
            time.sleep(chance.uniform(0, 0.15))
            kill_worker(pid)
        cuddy.ok("ps")
        home = bench.root.home
        assert not [each for each in os.listdir(home.run_root) if len(each) == 64]
        assert os.listdir(home.tmp_dir) == []
        assert bench.run("echo x > /c/x", mounts[3]).code == 0


def descendants(pid: int) -> list[int]:
    found = children_of(pid)
    return found + [each for child in found for each in descendants(child)]


def step_of(pid: int) -> int:
    """The first process of the step that a worker runs: the one with a root of its own."""
    for each in children_of(pid):
        if os.readlink(f"/proc/{each}/ns/mnt") != os.readlink(f"/proc/{pid}/ns/mnt"):
            return each
    raise AssertionError("no step")


class TestCache:
    def test_it_outlives_the_step_and_is_in_no_layer(self, bench: Bench) -> None:
        mount = f"type=cache,id={bench.context},target=/c"
        assert bench.run("ls /c; echo kept > /c/file", mount).out == ""
        assert bench.run("cat /c/file", f"{mount},ro").out == "kept\n"
        assert bench.run("touch /c/x", f"{mount},ro").code
        assert bench.root.written() == ["/work"]

    def test_its_owner_and_what_it_begins_with_can_be_chosen(self, bench: Bench) -> None:
        mount = f"type=cache,id={bench.context},target=/c,uid=7,mode=0700,from=x,source=/etc"
        ran = bench.run("stat -c '%a %u' /c; ls /c/passwd; rm /c/passwd", mount)
        assert ran.out.split() == ["700", "7", "/c/passwd"]
        assert bench.run("ls /c/passwd", mount).code

    def test_locked_is_for_one_at_a_time(self, bench: Bench, tmp_path: Path) -> None:
        mount = f"type=cache,id={bench.context},target=/c,sharing=locked"
        script = "if [ -e /c/in ]; then echo both > /c/both; fi; touch /c/in; sleep 0.2; rm /c/in"
        cuddy = Cuddy(Path(bench.root.home.root), Path(bench.root.home.run_root))
        others = [Root(cuddy, tmp_path / name) for name in "ab"]
        pids = []
        for each in others:
            pids.append(os.fork())
            if not pids[-1]:
                bench.root = each
                bench.run(script, mount)
                os._exit(0)
        for pid in pids:
            os.waitpid(pid, 0)
        assert bench.run("ls /c", mount).out == ""
