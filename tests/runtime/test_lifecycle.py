"""create, start, state, kill, delete: the life cycle of runtime-spec's runtime.md."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from bundles import CGROUP, Bundle, Runtime, end, find_cgroups
from console import is_alive, wait_until

FOREVER = "sleep 1000"


class TestCreateAndStart:
    def test_created_the_program_waits_and_started_it_runs(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        pid = runtime.created(bundle.script("echo began; sleep 1000"))
        assert runtime.status() == "created"
        assert runtime.output() == ""
        runtime.ok("start", "box")
        assert runtime.wait_for_output() == "began\n"
        assert runtime.status() == "running"
        end(pid)
        assert runtime.wait(pid) == -signal.SIGKILL
        assert runtime.status() == "stopped"

    def test_the_state_is_the_specifications(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.config["annotations"] = {"a": "b"}
        pid = runtime.created(bundle.script(FOREVER))
        state = runtime.state()
        assert state["id"] == "box"
        assert state["ociVersion"].startswith("1.")
        assert (state["bundle"], state["annotations"]) == (str(bundle.path), {"a": "b"})
        assert int(Path(f"/proc/{pid}/status").read_text().split("PPid:")[1].split()[0])

    def test_stopped_it_has_no_pid(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.wait(runtime.started(bundle.runs("true")))
        assert (runtime.status(), runtime.state()["pid"]) == ("stopped", 0)

    def test_what_was_started_cannot_be_started_again(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        pid = runtime.started(bundle.script(FOREVER))
        assert runtime("start", "box").code != 0
        end(pid)
        runtime.wait(pid)
        assert runtime("start", "box").code != 0

    def test_a_program_that_ends_before_its_start_cannot_be_started(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        pid = runtime.created(bundle.runs("true"))
        end(pid)
        runtime.wait(pid)
        assert runtime.status() == "stopped"
        assert runtime("start", "box").code != 0

    def test_an_id_is_used_once_at_a_time(self, runtime: Runtime, bundle: Bundle) -> None:
        pid = runtime.created(bundle.script(FOREVER))
        result = runtime.create(bundle)
        assert result.code != 0
        assert "exist" in result.err
        assert runtime.pid() == pid
        assert runtime.status() == "created"

    @pytest.mark.parametrize("container_id", ["", "..", "a/b", "a b", "\x1b"])
    def test_an_id_is_one_harmless_word(
        self, runtime: Runtime, bundle: Bundle, container_id: str
    ) -> None:
        assert runtime("create", "--bundle", bundle.write().path, container_id).code != 0
        assert not list(runtime.directory.glob("state/*"))

    def test_many_creates_of_one_id_at_once_make_one(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.script(FOREVER)
        children = []
        for _ in range(6):
            pid = os.fork()
            if pid == 0:
                os._exit(runtime.create(bundle).code)
            children.append(pid)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        assert sorted(code == 0 for code in codes) == [False] * 5 + [True]
        assert runtime.status() == "created"
        runtime.made("box")
        runtime.ok("start", "box")
        assert runtime.status() == "running"

    def test_what_another_create_is_about_is_left_alone(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        """The directory is claimed already, its state not yet written."""
        claimed = runtime.state_root / "box"
        claimed.mkdir(parents=True)
        os.mkfifo(claimed / "exec.fifo")
        result = runtime.create(bundle)
        assert result.code != 0
        assert "exist" in result.err
        assert [path.name for path in claimed.iterdir()] == ["exec.fifo"]

    def test_the_pid_file_has_inits_pid(self, runtime: Runtime, bundle: Bundle) -> None:
        file = runtime.directory / "pid"
        pid = runtime.created(bundle.script(FOREVER), "box", "--pid-file", file)
        assert file.read_text() == str(pid)

    def test_later_changes_of_the_config_do_not_matter(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        pid = runtime.created(bundle.script("echo first"))
        bundle.script("echo second").write()
        runtime.ok("start", "box")
        runtime.wait(pid)
        assert runtime.output() == "first\n"


class TestKill:
    @pytest.mark.parametrize("word", ["", "TERM", "SIGTERM", "15"])
    def test_a_signal_by_any_name(self, runtime: Runtime, bundle: Bundle, word: str) -> None:
        script = "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.01; done"
        pid = runtime.started(bundle.script(script))
        runtime.wait_for_output()
        runtime.ok("kill", "box", *([word] if word else []))
        assert runtime.wait(pid) == 5
        assert runtime.output() == "ready\ngot it\n"

    def test_a_container_that_was_never_started_can_be_killed(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        pid = runtime.created(bundle.script(FOREVER))
        runtime.ok("kill", "box", "KILL")
        assert runtime.wait(pid) == -signal.SIGKILL
        assert runtime.status() == "stopped"

    def test_what_has_stopped_cannot_be_killed(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.wait(runtime.started(bundle.runs("true")))
        result = runtime("kill", "box", "KILL")
        assert result.code != 0
        assert "not running" in result.err

    def test_an_unknown_signal_is_an_error(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.created(bundle.script(FOREVER))
        assert runtime("kill", "box", "WARP").code != 0
        assert runtime.status() == "created"


class TestDelete:
    def test_nothing_is_left(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.wait(runtime.started(bundle.runs("true")))
        runtime.ok("delete", "box")
        assert not list(runtime.directory.glob("state/*"))
        assert not [path for top in find_cgroups(CGROUP) for path in top.glob("box")]
        assert runtime("state", "box").code != 0

    def test_a_running_container_only_by_force(self, runtime: Runtime, bundle: Bundle) -> None:
        pid = runtime.started(bundle.script(FOREVER))
        assert runtime("delete", "box").code != 0
        assert runtime.status() == "running"
        runtime.ok("delete", "--force", "box")
        assert runtime.wait(pid) == -signal.SIGKILL

    def test_a_created_one_goes_with_its_init(self, runtime: Runtime, bundle: Bundle) -> None:
        pid = runtime.created(bundle.script(FOREVER))
        runtime("delete", "--force", "box")
        assert runtime.wait(pid) == -signal.SIGKILL
        assert not list(runtime.directory.glob("state/*"))

    def test_everything_it_started_goes_too(self, runtime: Runtime, bundle: Bundle) -> None:
        """Without a pid namespace of its own only the cgroup knows what belongs to it."""
        bundle.namespace("pid", None)
        pid = runtime.started(bundle.script("sleep 1000 & echo $!; wait"))
        other = int(runtime.wait_for_output())
        end(pid)
        runtime.wait(pid)
        assert is_alive(other)
        runtime.ok("delete", "--force", "box")
        wait_until(lambda: not is_running(other))

    def test_what_is_not_there_is_no_error_by_force(self, runtime: Runtime) -> None:
        assert runtime("delete", "none").code != 0
        assert runtime("delete", "--force", "none").code == 0

    @pytest.mark.parametrize("bad", ["../victim", "..", ".", "a/../../victim"])
    def test_an_id_that_leads_elsewhere_deletes_nothing(self, runtime: Runtime, bad: str) -> None:
        victim = runtime.directory / "victim/deep"
        victim.mkdir(parents=True)
        runtime.state_root.mkdir(exist_ok=True)
        for words in (("delete", "--force"), ("state",), ("kill",), ("start",)):
            result = runtime(*words, bad)
            assert (result.code, "invalid container ID format" in result.err) == (1, True)
        assert victim.is_dir()


def is_running(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


class TestRun:
    @pytest.mark.parametrize("code", [0, 1, 42, 255])
    def test_the_exit_code_is_the_programs(
        self, runtime: Runtime, bundle: Bundle, code: int
    ) -> None:
        assert runtime.run(bundle.script(f"exit {code}")).code == code

    def test_output_and_errors_stay_apart(self, runtime: Runtime, bundle: Bundle) -> None:
        result = runtime.run(bundle.script("echo out; echo err >&2"))
        assert (result.stdout, result.stderr) == (b"out\n", b"err\n")

    def test_input_arrives(self, runtime: Runtime, bundle: Bundle) -> None:
        result = runtime.run(bundle.runs("cat"), stdin=None, input=b"through")
        assert result.stdout == b"through"

    def test_nothing_is_left_afterwards(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.run(bundle.runs("true"))
        assert not list(runtime.directory.glob("state/*"))

    def test_detached_it_goes_on(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.script("echo on; sleep 1000").write()
        runtime.made("box")
        with open(runtime.directory / "box.out", "wb") as out:
            options = {"capture_output": False, "stdout": out, "stderr": out}
            assert runtime("run", "-d", "-b", bundle.path, "box", **options).code == 0
        assert runtime.wait_for_output() == "on\n"
        assert runtime.status() == "running"


class TestErrors:
    def test_a_missing_bundle_is_one_line(self, runtime: Runtime, tmp_path: Path) -> None:
        result = runtime("create", "--bundle", tmp_path, "box")
        assert result.code == 1
        assert "config.json" in result.err
        assert len(result.err.splitlines()) == 1

    @pytest.mark.parametrize("log_format", ["json", "text"])
    def test_callers_read_the_last_line_of_the_log(
        self, runtime: Runtime, bundle: Bundle, log_format: str
    ) -> None:
        log = runtime.directory / "log"
        words = ["--log", log, "--log-format", log_format]
        assert runtime(*words, "create", "--bundle", "/none", "box").code != 0
        last = log.read_text().splitlines()[-1]
        if log_format == "json":
            document = json.loads(last)
            assert document["level"] == "error"
            assert "config.json" in document["msg"]
        else:
            assert "level=error" in last
            assert "config.json" in last

    def test_unknown_containers_are_an_error_in_runcs_words(self, runtime: Runtime) -> None:
        for command in ("state", "start", "kill", "delete"):
            result = runtime(command, "none")
            assert result.code != 0
            assert "does not exist" in result.err

    def test_help_and_version(self, runtime: Runtime) -> None:
        assert "spec: 1." in runtime.ok("--version")
        assert "create" in runtime.ok("--help")
