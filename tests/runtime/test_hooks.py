"""Hooks: config.md, "POSIX-platform Hooks", and runtime.md, "Lifecycle"."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from bundles import OTHER, PATH, Bundle, Runtime
from console import TIME_FACTOR, wait_until
from profiles import confine, rule

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


@pytest.fixture
def log(bundle: Bundle) -> Path:
    """Where hooks write: the same file is reached from inside as /log."""
    path = bundle.rootfs / "log"
    path.touch()
    return path


def hook(script: str, **more: Any) -> dict[str, Any]:
    return {"path": "/bin/sh", "args": ["sh", "-c", script]} | more


def add_hooks(bundle: Bundle, log: Path, *kinds: str, times: int = 1) -> None:
    """Hooks that write down their kind and their input."""
    bundle.config["hooks"] = {
        kind: [
            hook(f"echo '{kind} '$(cat) >>{'/log' if kind == 'startContainer' else log}")
            for _ in range(times)
        ]
        for kind in kinds
    }


def read(log: Path) -> list[tuple[str, dict[str, Any]]]:
    """Kind and state of each hook that ran."""
    parts = (line.split(" ", 1) for line in log.read_text().splitlines())
    return [(kind, json.loads(state)) for kind, state in parts]


class TestOrder:
    def test_each_runs_at_its_point_of_the_life_cycle(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        add_hooks(bundle, log, *KINDS)
        pid = runtime.created(bundle.script("sleep 1000"))
        if OTHER == "runc":
            return  # its poststart hooks run at the end of create
        assert [kind for kind, _ in read(log)] == list(KINDS[:3])
        runtime.ok("start", "box")
        # startContainer hooks run on the other side of the gate, at the same time.
        wait_until(lambda: len(read(log)) == 5)
        assert {kind for kind, _ in read(log)[3:]} == {"startContainer", "poststart"}
        os.kill(pid, 9)
        runtime.wait(pid)
        assert len(read(log)) == 5
        runtime.ok("delete", "box")
        assert [kind for kind, _ in read(log)][5:] == ["poststop"]

    def test_each_is_told_the_state(self, runtime: Runtime, bundle: Bundle, log: Path) -> None:
        bundle.config["annotations"] = {"a": "ünï"}
        add_hooks(bundle, log, *KINDS)
        assert runtime.run(bundle.runs("true")).code == 0
        states = dict(read(log))
        assert set(states) == set(KINDS)
        for state in states.values():
            assert (state["id"], state["bundle"]) == ("box", str(bundle.path))
            assert state["annotations"] == {"a": "ünï"}
            assert state["ociVersion"].startswith("1.")
            assert not {"cgroupPaths", "startTime", "hooks"} & set(state)
        for kind in ("prestart", "createRuntime"):
            assert states[kind]["status"] in ("creating", "created")
            assert states[kind]["pid"] > 1
        assert states["createContainer"]["pid"] > 0
        assert states["startContainer"]["pid"] == 1
        assert states["startContainer"]["status"] == "created"
        assert states["poststop"]["status"] == "stopped"

    def test_many_of_a_kind_run_in_their_order(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        scripts = [hook(f"echo {n} >>{log}") for n in range(5)]
        bundle.config["hooks"] = {"createRuntime": scripts}
        runtime.run(bundle.runs("true"))
        assert log.read_text().split() == ["0", "1", "2", "3", "4"]


class TestOutput:
    def test_what_a_failing_hook_printed_is_in_the_error(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        for kind in ("createRuntime", "createContainer", "startContainer"):
            path = "/bin/busybox" if kind == "startContainer" else "/bin/cat"
            script = {"path": path, "args": ["cat", "/no-such"]}
            bundle.config["hooks"] = {kind: [script]}
            result = runtime.run(bundle.runs("true"))
            assert result.code == 1
            assert f"error running {kind} hook #0: {path}: exit status 1" in result.err
            assert "/no-such" in result.err.partition("exit status 1")[2]

    def test_output_of_one_that_works_is_not_the_containers(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        script = hook(f"head -c 300000 /dev/zero; echo loud; sleep 100 & echo $! >{log}")
        bundle.config["hooks"] = {"createRuntime": [script]}
        assert runtime.run(bundle.runs("echo", "mine")).out == "mine"
        os.kill(int(log.read_text()), signal.SIGKILL)  # who still has the output is not waited for

    def test_a_failing_one_may_print_without_end(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.config["hooks"] = {"createRuntime": [hook("head -c 300000 /dev/zero; exit 3")]}
        result = runtime.run(bundle.runs("true"))
        assert "exit status 3" in result.err
        assert len(result.err) < 20_000


class TestPlaces:
    def test_hooks_of_the_creation_see_the_host(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        script = hook(f"readlink /proc/self/ns/mnt >>{log}; pwd >>{log}")
        bundle.config["hooks"] = {"createRuntime": [script], "createContainer": [script]}
        runtime.run(bundle.runs("true"))
        first, first_cwd, second, second_cwd = log.read_text().split()
        assert first == os.readlink("/proc/self/ns/mnt")
        assert second != first  # the container's, before its root is the root
        if not OTHER:
            assert (first_cwd, second_cwd) == (str(bundle.path), str(bundle.rootfs))

    def test_what_create_container_mounts_the_container_has(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        (tmp_path / "more").mkdir()
        (tmp_path / "more/file").write_text("mounted\n")
        mount = f"mount --bind {tmp_path}/more {bundle.rootfs}/mnt"
        bundle.config["hooks"] = {"createContainer": [hook(mount)]}
        assert runtime.run(bundle.runs("cat", "/mnt/file")).out == "mounted"

    def test_start_container_runs_inside(self, runtime: Runtime, bundle: Bundle, log: Path) -> None:
        bundle.config["hooks"] = {"startContainer": [hook("ls / >/log")]}
        runtime.run(bundle.runs("true"))
        assert "log" in log.read_text().split()
        assert "home" not in log.read_text().split()

    def test_start_container_has_the_programs_environment_unless_it_has_one(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        path = bundle.program("hook", "#!/bin/sh\nenv >/seen.$1\n")
        bundle.process["env"] = [PATH, "A=program"]
        hook = {"path": path, "args": [path, "none"]}
        own = {"path": path, "args": [path, "own"], "env": [PATH, "A=own"]}
        bundle.config["hooks"] = {"startContainer": [hook, own]}
        assert runtime.run(bundle.runs("true")).code == 0
        seen = (bundle.rootfs / "seen.none").read_text().splitlines()
        assert {"A=program", "HOME=/root"} <= set(seen)
        assert "A=own" in (bundle.rootfs / "seen.own").read_text().splitlines()

    def test_descriptors_and_signals_are_clean(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        script = hook(f"ls /proc/self/fd >>{log}; grep -E 'Sig(Blk|Ign)' /proc/self/status >>{log}")
        bundle.config["hooks"] = {"createRuntime": [script], "createContainer": [script]}
        runtime.run(bundle.runs("true"))
        *fds, _, mask, _, ignored = log.read_text().split()[:8]
        assert set(fds) <= {"0", "1", "2", "3"}
        assert (int(mask, 16), int(ignored, 16)) == (0, 0) or OTHER

    def test_what_the_program_is_given_is_not_theirs(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        runtime.program[:0] = ["/bin/sh", "-c", 'exec 3</; exec "$@"', "sh"]
        look = f"echo /proc/self/fd/* >>{log}"
        kinds = {"createRuntime": look, "startContainer": "echo /proc/self/fd/* >>/log"}
        bundle.config["hooks"] = {kind: [hook(script)] for kind, script in kinds.items()}
        result = runtime.run(bundle.script("ls -d /proc/self/fd/3"), flags=["--preserve-fds", "1"])
        assert result.code == 0, result.err
        shown = [line.split() for line in log.read_text().splitlines()]
        # The fourth is the shell looking at the directory.
        assert [len(names) for names in shown] == [4, 4]


class TestCalling:
    def test_environment_is_exactly_the_hooks(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        script = hook(f"/usr/bin/env >>{log}", env=["A=1", "B=x=y"])
        bundle.config["hooks"] = {"createRuntime": [script]}
        runtime.run(bundle.runs("true"))
        assert {"A=1", "B=x=y"} <= set(log.read_text().splitlines())
        assert "HOME" not in log.read_text()

    def test_without_arguments_the_path_is_the_name(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        program = log.parent / "program"
        program.write_text(f"#!/bin/sh\necho $# >>{log}\n")
        program.chmod(0o755)
        bundle.config["hooks"] = {"createRuntime": [{"path": str(program)}]}
        runtime.run(bundle.runs("true"))
        assert log.read_text() == "0\n"

    def test_one_that_does_not_read_its_input_is_fine(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.config["annotations"] = {"long": "x" * 200_000}
        bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/true"}]}
        assert runtime.run(bundle.runs("true")).code == 0


class TestFailing:
    @pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
    def test_it_fails_create_and_nothing_is_left(
        self, runtime: Runtime, bundle: Bundle, kind: str
    ) -> None:
        bundle.config["hooks"] = {kind: [hook("exit 7"), hook(f"touch {bundle.path}/second")]}
        result = runtime.create(bundle)
        assert result.code != 0
        assert "hook" in result.err
        assert "7" in result.err
        assert not (bundle.path / "second").exists()
        assert not list(runtime.directory.glob("state/*"))

    def test_of_start_container_the_program_never_runs(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.config["hooks"] = {"startContainer": [hook("exit 7")]}
        pid = runtime.created(bundle.runs("echo", "ran"))
        runtime("start", "box")
        assert runtime.wait(pid) != 0
        assert runtime.output() == ""

    @pytest.mark.skipif(bool(OTHER), reason="our words")
    def test_of_the_last_ones_it_is_a_warning(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        bundle.config["hooks"] = {"poststop": [hook("exit 7"), hook(f"pwd >>{log}")]}
        result = runtime.run(bundle.runs("echo", "ran"))
        assert (result.code, result.out) == (0, "ran")
        assert "error running poststop hook #0: /bin/sh: exit status 7" in result.err
        assert log.read_text() == f"{bundle.path}\n"

    def test_of_one_after_the_start_it_is_the_end(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        bundle.config["hooks"] = {
            "poststart": [hook("exit 7"), hook(f"echo second >>{log}")],
            "poststop": [hook(f"echo stopped >>{log}")],
        }
        pid = runtime.created(bundle.script("sleep 1000"))
        assert runtime("start", "box").code != 0
        assert runtime.wait(pid) == -signal.SIGKILL
        assert runtime("state", "box").code != 0
        assert log.read_text() == "stopped\n"

    def test_without_an_environment_it_has_the_callers(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        words = [hook(f"echo $FROM_CALLER >>{log}") for _ in range(2)]
        words[0].pop("env", None)
        words[1]["env"] = []
        bundle.config["hooks"] = {"createRuntime": words}
        bundle.script("true").linux["cgroupsPath"] = ""
        runtime.run(bundle, env=os.environ | {"FROM_CALLER": "word"})
        assert log.read_text() == "word\n\n"

    def test_a_hook_that_takes_too_long_is_killed(self, runtime: Runtime, bundle: Bundle) -> None:
        slow = {"path": "/bin/sleep", "args": ["sleep", "1000"], "timeout": 1}
        bundle.config["hooks"] = {"createRuntime": [slow]}
        result = runtime.create(bundle)
        assert result.code != 0
        assert not list(runtime.directory.glob("state/*"))

    def test_what_it_says_otherwise_is_nobodys(self, runtime: Runtime, bundle: Bundle) -> None:
        talk = "i=0; while [ $i -lt 3000 ]; do echo 'a line of some forty characters, or so'"
        bundle.config["hooks"] = {"createRuntime": [hook(f"{talk}; i=$((i + 1)); done")]}
        result = runtime.run(bundle.runs("echo", "ran"))
        assert (result.code, result.out, result.err) == (0, "ran", "")

    def test_it_need_not_read_a_long_state(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.config["annotations"] = {"long": "x" * 200_000}
        bundle.config["hooks"] = {"createRuntime": [hook("exit 0"), hook("wc -c >&2; exit 1")]}
        result = runtime.create(bundle)
        assert result.code != 0
        assert "200" in result.err

    def test_what_it_leaves_behind_is_not_waited_for(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.config["hooks"] = {"createRuntime": [hook(f"sleep {3 * TIME_FACTOR} & exit 0")]}
        began = time.monotonic()
        assert runtime.run(bundle.runs("true")).code == 0
        assert time.monotonic() - began < 2.5 * TIME_FACTOR

    def test_a_hook_that_is_not_there_fails_create(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.config["hooks"] = {"createRuntime": [{"path": "/no/such"}]}
        assert runtime.create(bundle).code != 0


@pytest.mark.skipif(bool(OTHER), reason="how others do it is theirs to say")
class TestPowerOfStart:
    """A startContainer hook is a program of the image's: no more may be given to it."""

    def test_it_has_what_the_program_has(self, runtime: Runtime, bundle: Bundle, log: Path) -> None:
        log.chmod(0o666)
        look = "grep -E '^(Cap|Uid|Groups|NoNewPrivs|Seccomp:)' /proc/self/status"
        bundle.config["hooks"] = {"startContainer": [hook(f"{look} >/log")]}
        bundle.config["process"] |= {"user": {"uid": 7, "gid": 7}, "noNewPrivileges": True}
        confine(bundle, "SCMP_ACT_ALLOW", rule("mkdir", "SCMP_ACT_ERRNO"))
        result = runtime.run(bundle.script(look))
        assert log.read_text().splitlines() == result.out.splitlines()

    def test_it_is_filtered(self, runtime: Runtime, bundle: Bundle, log: Path) -> None:
        bundle.config["hooks"] = {"startContainer": [hook("mkdir /new")]}
        confine(bundle, "SCMP_ACT_ALLOW", rule("mkdir mkdirat", "SCMP_ACT_KILL_PROCESS"))
        result = runtime.run(bundle.runs("echo", "ran"))
        assert (result.code, result.out) == (1, "")
        assert (
            "error running startContainer hook #0: /bin/sh: signal: bad system call" in result.err
        )

    def test_it_cannot_be_the_interpreter(
        self, runtime: Runtime, bundle: Bundle, log: Path
    ) -> None:
        """CVE-2019-5736: who executes a hook is what `#!/proc/self/exe` names.

        Here that is the springboard, which executes the script again, and so on.
        """
        path = bundle.program("hook", "#!/proc/self/exe\nimport os\nos.mkdir('/new')\n")
        bundle.config["hooks"] = {
            "startContainer": [{"path": path, "args": ["x", "/hook"], "timeout": 1}]
        }
        assert "did not end in 1 s" in runtime.run(bundle.runs("true")).err
        assert not (bundle.rootfs / "new").exists()
