"""cuddy-runtime's command line as engines use it: flags, JSON, errors, exit codes."""

from __future__ import annotations

import array
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import pexpect
import pytest

from bundles import OTHER, Bundle, Runtime, end
from console import TIME_FACTOR, wait_until

ours = pytest.mark.skipif(bool(OTHER), reason="other runtimes have other words")


@pytest.fixture
def running(runtime: Runtime, bundle: Bundle) -> Runtime:
    """A container that sleeps."""
    runtime.started(bundle.runs("sleep", "77"))
    return runtime


def receive(listener: socket.socket) -> tuple[bytes, int]:
    """What somebody sends to a listening socket: data and a descriptor."""
    listener.settimeout(10)
    connection, _ = listener.accept()
    with connection:
        data, attached, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        return data, array.array("i", attached[0][2])[0]


def listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def through_shell(
    runtime: Runtime, redirections: str, words: list[object], variables: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """One call with descriptors and variables of a shell's making."""
    script = f'{variables} exec "$@" {redirections}'
    return subprocess.run(
        ["sh", "-c", script, "sh", *runtime.program, *map(str, words)],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=30 * TIME_FACTOR,
    )  # fmt: skip


class TestFlags:
    def test_one_dash_will_do_for_a_long_name(self, runtime: Runtime) -> None:
        runtime.state_root.mkdir()
        assert runtime.ok("list", "-quiet") == ""

    def test_a_container_of_no_name_is_an_error(self, runtime: Runtime) -> None:
        for words in (
            ["state"],
            ["state", ""],
            ["delete", "--force", ""],
            ["start", "a", "b", "c"],
        ):
            assert runtime(*words).code == 1

    def test_help_and_version_need_nothing(self, runtime: Runtime) -> None:
        assert "create" in runtime.ok("--help")
        assert "--bundle" in runtime.ok("create", "--help")
        assert "version" in runtime.ok("--version").splitlines()[0]

    @ours
    def test_unknown_words_are_errors(self, runtime: Runtime) -> None:
        assert runtime("frobnicate").code == 3
        assert runtime("create", "--frobnicate", "x").code == 1
        assert runtime("--cgroup-manager", "mine", "list").code == 1

    def test_every_verb_answers_for_what_is_not_there(self, runtime: Runtime) -> None:
        verbs = ("state", "start", "kill", "delete", "pause", "resume", "ps", "update", "events")
        for verb in verbs:
            result = runtime(verb, "nobody")
            assert result.code == 1
            assert "does not exist" in result.err
        assert runtime("exec", "nobody", "true").code == 255
        assert runtime("delete", "--force", "nobody").code == 0


class TestLog:
    @ours
    def test_the_last_error_is_json_and_standard_error_has_the_text(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        log = tmp_path / "log.json"
        words = ("--log", log, "--log-format", "json", "create", "--bundle", bundle.path, "box")
        result = runtime(*words[:4], "state", "nobody")
        assert result.err == "container does not exist"
        bundle.runs("/nowhere").write()
        result = runtime(*words)
        assert "/nowhere: no such file or directory" in result.err
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [line["level"] for line in lines] == ["error", "error"]
        assert lines[-1]["msg"] == result.err
        assert lines[-1]["time"]

    @ours
    def test_with_debug_it_says_more(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.runs("true").write()
        runtime.made("box")
        result = runtime("--debug", "run", "--bundle", bundle.path, "box")
        assert result.code == 0
        assert "level=debug" in result.err

    @ours
    def test_of_no_known_form_or_place_it_is_an_error(self, runtime: Runtime) -> None:
        assert runtime("--log-format", "xml", "list").code == 1
        assert runtime("--log", "/no/such/file", "list").code == 1


class TestSuccessIsSilent:
    def test_from_create_to_delete(self, runtime: Runtime, bundle: Bundle) -> None:
        """Standard error is the container's as well."""
        bundle.runs("sleep", "77")
        result = runtime.create(bundle)
        assert (result.code, result.err) == (0, "")
        for words in (["start"], ["pause"], ["resume"], ["kill", "KILL"]):
            result = runtime(words[0], "box", *words[1:])
            assert (result.code, result.out, result.err) == (0, "", "")
        wait_until(lambda: runtime.status() == "stopped")
        for _ in range(2):
            result = runtime("delete", "--force", "box")
            assert (result.code, result.out, result.err) == (0, "", "")


class TestKill:
    def test_signals_have_many_names(self, runtime: Runtime, bundle: Bundle) -> None:
        text = "trap 'echo usr1' USR1; trap 'echo term' TERM; echo up; while :; do sleep 0.01; done"
        runtime.started(bundle.script(text))
        runtime.wait_for_output()
        count = 1
        for name, said in (("USR1", "usr1"), ("sigusr1", "usr1"), ("10", "usr1"), ("", "term")):
            runtime.ok("kill", "box", *[name][: bool(name)])
            count += 1
            assert runtime.wait_for_output(lines=count).splitlines()[-1] == said
        result = runtime("kill", "box", "BOGUS")
        assert result.code == 1
        assert 'unknown signal "BOGUS"' in result.err.replace("\\", "")

    def test_after_the_end_it_says_so_but_not_with_all(self, running: Runtime) -> None:
        pid = running.pid()
        running.ok("kill", "box", "9")
        running.wait(pid)
        result = running("kill", "box", "9")
        assert result.code == 1
        assert "container not running" in result.err
        assert running("kill", "--all", "box", "9").code == 0

    def test_without_pids_of_its_own_sigkill_ends_all(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        """The kernel ends only the first process then, and others would stay."""
        bundle.namespace("pid", None)
        pid = runtime.started(bundle.script("sleep 66 & exec sleep 77"))
        wait_until(lambda: len(json.loads(runtime.ok("ps", "-f", "json", "box"))) == 2)
        end(pid)
        runtime.wait(pid)
        runtime.ok("kill", "box", "KILL")
        wait_until(lambda: runtime.ok("ps", "--format", "json", "box") == "null")
        assert runtime("kill", "box", "KILL").code == 1

    @pytest.mark.skipif(OTHER == "crun", reason="its init has no handlers, as ours had not")
    def test_it_may_come_before_start(self, runtime: Runtime, bundle: Bundle) -> None:
        pid = runtime.created(bundle.runs("sleep", "77"))
        runtime.ok("kill", "box", "TERM")
        assert runtime.wait(pid) != 0
        assert runtime.status() == "stopped"


class TestPause:
    def test_what_is_paused_is_shown_so_and_takes_no_exec(self, running: Runtime) -> None:
        running.ok("pause", "box")
        assert running.status() == "paused"
        result = running("exec", "box", "true")
        assert result.code == 255
        assert "paused" in result.err
        assert running("delete", "box").code == 1
        assert running("pause", "box").code == 1
        running.ok("resume", "box")
        assert running.status() == "running"
        assert running("resume", "box").code == 1

    def test_a_paused_container_dies_of_sigkill(self, running: Runtime) -> None:
        pid = running.pid()
        running.ok("pause", "box")
        running.ok("delete", "--force", "box")
        assert running.wait(pid) == -signal.SIGKILL


class TestListings:
    def test_as_a_table_as_ids_as_json(self, running: Runtime, bundle: Bundle) -> None:
        titles, row = running.ok("list").splitlines()
        assert titles.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
        pid = running.pid()
        assert row.split()[:4] == ["box", str(pid), "running", str(bundle.path)]
        assert row.split()[5] == "root"
        assert running.ok("list", "-q") == "box"
        [found] = json.loads(running.ok("list", "--format", "json"))
        assert (found["id"], found["owner"], found["pid"]) == ("box", "root", pid)
        assert running("list", "-f", "xml").code == 1

    def test_of_nothing_is_null_and_of_nowhere_an_error(self, runtime: Runtime) -> None:
        assert runtime("list").code == 1
        runtime.state_root.mkdir()
        assert runtime.ok("list", "--format", "json") == "null"

    def test_processes(self, running: Runtime) -> None:
        pid = running.pid()
        assert json.loads(running.ok("ps", "--format", "json", "box")) == [pid]
        titles, row = running.ok("ps", "box").splitlines()
        assert "PID" in titles
        assert "sleep 77" in row
        assert running.ok("ps", "box", "-o", "pid,args").splitlines()[1].split()[0] == str(pid)
        assert running("ps", "box", "-o", "args").code == 1

    def test_state_names_bundle_and_root(self, running: Runtime, bundle: Bundle) -> None:
        found = running.state()
        assert found["bundle"] == str(bundle.path)
        assert found["rootfs"] == str(bundle.rootfs)
        assert found["owner"] == ""


class TestConfig:
    def test_after_create_the_bundle_is_not_asked_again(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.process["env"].append("WHO=before")
        runtime.started(bundle.runs("sleep", "77"))
        (bundle.path / "config.json").write_text("{not even JSON")
        assert "WHO=before" in runtime.ok("exec", "box", "env")
        assert runtime.state()["rootfs"] == str(bundle.rootfs)

    @ours
    def test_it_may_be_another_file(self, runtime: Runtime, bundle: Bundle, tmp_path: Path) -> None:
        bundle.runs("echo", "other").write()
        config = (bundle.path / "config.json").rename(tmp_path / "other.json")
        result = runtime("run", "--config", config, "--bundle", bundle.path, "box")
        assert (result.code, result.out) == (0, "other")
        assert runtime("run", "--config", tmp_path / "none", "--bundle", bundle.path, "x").code == 1

    def test_state_is_for_root_alone(self, running: Runtime) -> None:
        for path in running.state_root.rglob("*"):
            assert path.stat().st_mode & 0o066 == 0, path


class TestExec:
    def test_flags_change_the_containers_process(self, running: Runtime) -> None:
        text = "id; pwd; echo $A$B; grep -E 'NoNewPrivs|CapBnd' /proc/self/status"
        flags = ["-u", "5:6", "-g", "7", "--additional-gids", "8", "-e", "A=1", "--env=B=2"]
        flags += ["--cwd", "/tmp", "--cap", "CAP_SYSLOG", "--no-new-privs"]
        found = running.ok("exec", *flags, "box", "sh", "-c", text).splitlines()
        assert found[0].split()[:2] == ["uid=5", "gid=6"]
        assert {"7", "8"} <= set(found[0].split("groups=")[1].split(","))
        assert found[1:3] == ["/tmp", "12"]
        assert int(found[3].split()[1], 16) & 1 << 34
        assert found[4].split()[1] == "1"

    def test_a_variable_takes_the_place_of_the_containers(self, running: Runtime) -> None:
        found = running.ok("exec", "-e", "PATH=/bin", "-e", "A=1", "-e", "A=2", "box", "env")
        lines = [line for line in found.splitlines() if line[:2] in ("PA", "A=")]
        assert sorted(lines) == ["A=2", "PATH=/bin"]

    def test_the_process_may_come_from_a_pipe(self, running: Runtime) -> None:
        document = json.dumps({"args": ["echo", "piped"], "cwd": "/", "env": ["PATH=/bin"]})
        words = ("exec", "--process", "/dev/stdin", "box")
        assert running(*words, stdin=None, input=document.encode()).out == "piped"

    def test_of_variables_with_one_name_the_last_counts(self, running: Runtime) -> None:
        entries = ["A=1", "HOME=/x", "A=2", "HOME="]
        document = {"args": ["/bin/env"], "cwd": "/", "env": entries}
        words = ("exec", "--process", "/dev/stdin", "box")
        found = running(*words, stdin=None, input=json.dumps(document).encode()).out
        assert sorted(found.split()) == ["A=2", "HOME=/root"]

    def test_wrong_ones_are_errors(self, running: Runtime) -> None:
        for flags in (
            ["-u", "root"],
            ["-u", "1:x"],
            ["-g", "-1"],
            ["--cap", "CAP_X"],
            ["--cgroup", "../.."],
        ):
            assert running("exec", *flags, "box", "true").code == 255
        assert running("exec", "box").code == 255

    def test_what_cannot_run_says_so_as_runc_does(self, running: Runtime) -> None:
        result = running("exec", "box", "no-such")
        assert result.code == 255
        assert "exec failed: unable to start container process: exec:" in result.err
        assert "executable file not found in $PATH" in result.err

    def test_in_a_group_below_the_containers(self, running: Runtime) -> None:
        groups = {}
        for line in Path(f"/proc/{running.pid()}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":")
            groups[controllers] = path
        name = "pids" if "pids" in groups else ""
        if not name:
            pytest.skip("the container's group is not one of version 1")
        below = Path(f"/sys/fs/cgroup/pids{groups[name]}/below")
        below.mkdir()
        words = ("exec", "--cgroup", "pids:below", "box", "cat", "/proc/self/cgroup")
        assert any("pids:/below" in line for line in running.ok(*words).splitlines())
        below.rmdir()


class TestTerminals:
    def test_create_sends_it_to_the_socket(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        bundle.process["terminal"] = True
        bundle.process["consoleSize"] = {"height": 33, "width": 77}
        bundle.script("stty size; tty")
        with listen(tmp_path / "tty.sock") as console, listen(tmp_path / "pid.sock") as watcher:
            words = ["--console-socket", tmp_path / "tty.sock"]
            words += [] if OTHER else ["--pidfd-socket", tmp_path / "pid.sock"]
            pid = runtime.started(bundle, "box", *words)
            data, master = receive(console)
            with os.fdopen(master, "rb", buffering=0) as file:
                assert file.read(7) == b"33 77\r\n"
                assert b"/dev/" in file.read(100)
            assert data.startswith(b"/dev/")
            if not OTHER:
                _, pidfd = receive(watcher)
                found = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
                os.close(pidfd)
                assert f"Pid:\t{pid}\n" in found or "Pid:\t-1\n" in found
        runtime.wait(pid)

    def test_a_program_that_reads_it_gets_plain_lines(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.process["terminal"] = True
        assert runtime.run(bundle.runs("echo", "a line")).stdout == b"a line\n"

    def test_without_a_socket_create_cannot_have_one(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.process["terminal"] = True
        result = runtime.create(bundle)
        assert result.code == 1
        assert "without setting console socket" in result.err
        bundle.process["terminal"] = False
        assert runtime.create(bundle, "box", "--console-socket", "/none").code == 1

    def test_run_and_exec_lend_theirs(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["terminal"] = True
        bundle.script("trap 'exit 6' INT; stty size; read x; echo got $x; tty; sleep 77").write()
        runtime.made("box")
        options: dict[str, Any] = {"dimensions": (33, 77), "timeout": 20}
        words = [*runtime.program[1:], "run", "--bundle", str(bundle.path), "box"]
        child = pexpect.spawn(runtime.program[0], words, **options)
        child.expect("33 77\r\n")
        child.sendline("hello")
        child.expect("got hello\r\n/dev/")
        words = [*runtime.program[1:], "exec", "-t", "box", "sh", "-c", "read x; stty size; exit 5"]
        other = pexpect.spawn(runtime.program[0], words, **options)
        other.setwinsize(44, 88)
        other.sendline("x")
        other.expect("44 88")
        other.wait()
        assert other.exitstatus == 5
        child.sendintr()
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 6
        child.close()
        other.close()


class TestForeground:
    def test_signals_reach_the_container_and_its_end_is_ours(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.script(
            "trap 'echo usr1' USR1; trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done"
        )
        bundle.write()
        runtime.made("box")
        words = [*runtime.program, "run", "--keep", "--bundle", str(bundle.path), "box"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
            assert child.stdout
            assert child.stdout.readline() == b"up\n"
            child.send_signal(signal.SIGUSR1)
            assert child.stdout.readline() == b"usr1\n"
            child.terminate()
            assert child.wait(10) == 9
        assert runtime.status() == "stopped"
        runtime.ok("delete", "box")

    def test_a_daemon_it_leaves_behind_ends_with_it(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.namespace("pid", None)
        bundle.script("(sleep 66 & ); exit 4")
        assert runtime.run(bundle, stdout=subprocess.DEVNULL, capture_output=False).code == 4
        assert runtime.ok("list", "-q") == ""


class TestDescriptors:
    def test_those_asked_for_are_handed_on_and_no_other(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.script("cat <&4; ls /proc/self/fd").write()
        runtime.made("box")
        words = ["run", "--preserve-fds", "2", "--bundle", bundle.path, "box"]
        result = through_shell(runtime, "9</etc/hosts 3</etc/hosts", words)
        assert result.returncode == 1
        result = through_shell(runtime, "9</etc/hosts 3</etc/hosts 4</etc/passwd", words)
        assert result.returncode == 0, result.stderr
        lines = result.stdout.decode().splitlines()
        assert lines[0].startswith("root:x:0")
        assert lines[-6:] == ["0", "1", "2", "3", "4", "5"]  # the last is ls looking

    def test_init_that_waits_holds_nothing_of_the_callers(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        """conmon waits for the end of a pipe that it leaves open in us."""
        read_end, write_end = os.pipe()
        try:
            bundle.runs("sleep", "77")
            runtime.create(bundle, pass_fds=[write_end])
            os.close(write_end)
            write_end = -1
            fcntl.fcntl(read_end, fcntl.F_SETFL, os.O_NONBLOCK)
            assert os.read(read_end, 1) == b""
        finally:
            for fd in (read_end, write_end):
                if fd >= 0:
                    os.close(fd)


class TestSystemd:
    def test_its_sockets_are_handed_on(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.script("echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; ls /proc/self/fd | wc -l")
        bundle.write()
        runtime.made("box")
        variables = "LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$"
        words = ["run", "--bundle", bundle.path, "box"]
        done = through_shell(runtime, "3<&0", words, variables)
        assert done.stdout.decode().splitlines() == ["1 1 web", "5"]

    def test_start_waits_until_the_container_is_ready(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        host = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        host.bind(str(tmp_path / "notify"))
        host.settimeout(10)
        environment = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        bundle.script("echo $NOTIFY_SOCKET; test -S $NOTIFY_SOCKET && echo there; sleep 77")
        with host:
            runtime.create(bundle, env=environment)
            pid = runtime.pid()
            for private in (runtime.state_root, runtime.state_root / "box"):
                assert private.stat().st_mode & 0o777 == 0o700
            words = [*runtime.program, "start", "box"]
            with subprocess.Popen(words, env=environment) as starting:
                assert runtime.wait_for_output(lines=2) == "/run/notify/notify.sock\nthere\n"
                assert starting.poll() is None
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inside:
                    inside.connect(str(runtime.state_root / "box/notify/notify.sock"))
                    inside.send(b"STATUS=nearly")
                    inside.send(b"STATUS=now\nREADY=1\n")
                assert host.recv(100) == b"READY=1\n"
                assert host.recv(100) == f"MAINPID={pid}\n".encode()
                data, attached, _, _ = host.recvmsg(100, socket.CMSG_SPACE(4))
                assert data == b"BARRIER=1"
                os.close(struct.unpack("i", attached[0][2])[0])
                assert starting.wait(10) == 0
        end(pid)
        runtime.wait(pid)


class TestUpdate:
    def limit(self, runtime: Runtime) -> str:
        for file in ("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"):
            result = runtime("exec", "box", "cat", file)
            if result.code == 0:
                return result.out.strip()
        return ""

    def test_by_flags_and_by_a_document(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro")
        bundle.linux["resources"] = {"pids": {"limit": 100}, "memory": {"limit": 64 << 20}}
        runtime.started(bundle.runs("sleep", "77"))
        runtime.ok("update", "--pids-limit", "50", "box")
        assert self.limit(runtime) == "50"
        file = tmp_path / "resources.json"
        wanted = {"memory": {"limit": 0, "swap": 0}, "cpu": {"shares": 0}, "pids": {"limit": 51}}
        file.write_text(json.dumps(wanted))
        runtime.ok("update", "--resources", file, "box")
        assert self.limit(runtime) == "51"
        with open(file) as document:
            runtime.ok("update", "--resources=-", "box", stdin=document)
        for text in ("[]", "{", ""):
            file.write_text(text)
            assert runtime("update", "-r", file, "box").code == 1
        assert runtime("update", "--memory", "lots", "box").code == 1

    def test_events_tell_of_it_once_or_until_the_end(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.linux["resources"] = {"pids": {"limit": 42}, "memory": {"limit": 64 << 20}}
        pid = runtime.started(bundle.runs("sleep", "77"))
        found = json.loads(runtime.ok("events", "--stats", "box"))
        assert (found["type"], found["id"]) == ("stats", "box")
        assert found["data"]["pids"] == {"current": 1, "limit": 42}
        assert runtime("events", "--interval", "0s", "box").code == 1
        words = [*runtime.program, "events", "--interval", "10ms", "box"]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as watching:
            assert watching.stdout
            for _ in range(2):
                assert json.loads(watching.stdout.readline())["type"] == "stats"
            runtime.ok("delete", "--force", "box")
            watching.communicate(timeout=10 * TIME_FACTOR)
            assert watching.returncode == 0
        runtime.wait(pid)


class TestSpec:
    def test_what_it_writes_runs(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.ok("spec", "--bundle", bundle.path)
        assert runtime("spec", "--bundle", bundle.path).code == 1
        bundle.config = json.loads((bundle.path / "config.json").read_text())
        bundle.process["terminal"] = False
        bundle.script("touch /x 2>/dev/null || echo read-only; ls /sys/fs/cgroup | wc -l")
        result = runtime.run(bundle)
        assert result.code == 0, result.err
        assert result.out.splitlines()[0] == "read-only"

    def test_one_for_users_has_a_user_namespace(self, runtime: Runtime, tmp_path: Path) -> None:
        runtime.ok("spec", "--rootless", "--bundle", tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        kinds = {entry["type"] for entry in config["linux"]["namespaces"]}
        assert "user" in kinds
        assert "network" not in kinds
        assert config["linux"]["uidMappings"] == [
            {"containerID": 0, "hostID": os.geteuid(), "size": 1}
        ]

    def test_features_are_those_that_callers_ask_for(self, runtime: Runtime) -> None:
        found = json.loads(runtime.ok("features"))
        assert "rro" in found["mountOptions"]
        assert found["hooks"][0] == "prestart"
        assert "user" in found["linux"]["namespaces"]
        assert "SCMP_ACT_NOTIFY" in found["linux"]["seccomp"]["actions"]
