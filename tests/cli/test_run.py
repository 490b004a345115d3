"""`run` and `create`: what the container is told, and what comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

import images
from console import Cuddy, wait_until


def test_run_prints_what_the_command_prints(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "alpine", "echo", "hello world")
    assert result == (0, b"hello world\n", b"")


def test_the_image_is_not_the_hosts_distribution(cuddy: Cuddy) -> None:
    names = cuddy.ok("run", "--rm", "alpine", "cat", "/etc/os-release")
    assert "ID=alpine" in names if images.IS_ALPINE else "ID=busybox" in names


def test_the_images_own_command_runs_when_none_is_given(cuddy: Cuddy) -> None:
    assert cuddy.ok("run", "--rm", "-i", "alpine", input=b"echo $0\n") == "/bin/sh"


@pytest.mark.parametrize("code", [0, 1, 42, 125, 126, 127, 255])
def test_the_exit_code_is_the_commands(cuddy: Cuddy, code: int) -> None:
    assert cuddy("run", "--rm", "alpine", "sh", "-c", f"exit {code}").code == code


@pytest.mark.parametrize("signal", [6, 9, 15])
def test_a_command_killed_by_a_signal_gives_128_and_its_number(cuddy: Cuddy, signal: int) -> None:
    # The first process of a pid namespace cannot kill itself, so a child does it.
    script = f"sh -c 'kill -{signal} $$'; exit $?"
    assert cuddy("run", "--rm", "alpine", "sh", "-c", script).code == 128 + signal


def test_a_missing_command_gives_127_and_says_so(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "alpine", "no-such-command")
    assert result.code == 127
    assert "no-such-command" in result.complaint


@pytest.mark.parametrize("path", ["/etc", "/etc/passwd"])
def test_a_command_that_cannot_be_executed_gives_126(cuddy: Cuddy, path: str) -> None:
    result = cuddy("run", "--rm", "alpine", path)
    assert result.code == 126
    assert path in result.complaint


def test_a_failed_run_leaves_a_container_that_can_be_looked_at(cuddy: Cuddy) -> None:
    cuddy("run", "--name", "broken", "alpine", "no-such-command")
    assert cuddy.field("broken", "{{.State.Status}} {{.State.ExitCode}}") == "created 127"


def test_run_detached_prints_the_id_and_goes_on(cuddy: Cuddy) -> None:
    container_id = cuddy.ok("run", "-d", "alpine", "sleep", "100")
    assert len(container_id) == 64
    assert cuddy.field(container_id, "{{.State.Running}}") == "true"


class TestWhatTheCommandIsTold:
    def test_environment(self, cuddy: Cuddy, tmp_path: Path) -> None:
        env_file = tmp_path / "env"
        env_file.write_text("# a comment\n\nFROM_FILE=a b\nEMPTY=\nFROM_HOST\nBOTH=file\n")
        environment = cuddy.environment | {"FROM_HOST": "host's", "KEPT": "kept", "SECRET": "no"}
        words = ["-e", "ONE=1=1", "-e", "KEPT", "-e", "UNKNOWN", "-e", "BOTH=flag"]
        out = cuddy.ok(
            "run", "--rm", *words, "--env-file", env_file, "alpine", "env", env=environment
        )
        lines = set(out.splitlines())
        assert {"ONE=1=1", "KEPT=kept", "BOTH=flag"} <= lines
        assert {"FROM_FILE=a b", "EMPTY=", "FROM_HOST=host's"} <= lines
        assert not any(line.startswith(("UNKNOWN", "SECRET")) for line in lines)

    def test_environment_has_docker_s_defaults(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "-h", "box", "alpine", "env")
        lines = dict(line.split("=", 1) for line in out.splitlines())
        assert lines.pop("PATH") == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        assert (lines.pop("HOSTNAME"), lines.pop("HOME")) == ("box", "/root")
        assert "TERM" not in lines
        assert set(lines) <= {"container"}

    def test_working_directory_is_made_if_missing(self, cuddy: Cuddy) -> None:
        assert cuddy.ok("run", "--rm", "-w", "/srv/new/place", "alpine", "pwd") == "/srv/new/place"

    @pytest.mark.parametrize(
        ("user", "ids"),
        [
            ("nobody", "65534 65534"),
            ("1234", "1234 0"),
            ("1234:5678", "1234 5678"),
            ("guest:tty", "405 5"),
            ("daemon:100", "2 100"),
        ],
    )
    def test_user_by_name_or_number(self, cuddy: Cuddy, user: str, ids: str) -> None:
        script = "echo $(id -u) $(id -g)"
        assert cuddy.ok("run", "--rm", "-u", user, "alpine", "sh", "-c", script) == ids

    def test_an_unknown_user_is_an_error_that_names_it(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "-u", "jemand", "alpine", "true")
        assert result.code in (125, 126)
        assert "jemand" in result.complaint

    def test_a_user_gets_a_home(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "-u", "65534", "alpine", "sh", "-c", "echo $HOME")
        assert out == "/"

    def test_entrypoint_is_replaced_and_cleared(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "--entrypoint", "echo", "alpine", "-n", "a", "b")
        assert out == "a b"
        assert cuddy.ok("run", "--rm", "--entrypoint", "", "alpine", "echo", "c") == "c"

    def test_hostname_is_given_or_the_short_id(self, cuddy: Cuddy) -> None:
        assert cuddy.ok("run", "--rm", "--hostname", "boat", "alpine", "hostname") == "boat"
        cuddy.ok("run", "--name", "named", "alpine", "hostname")
        assert cuddy.ok("logs", "named") == cuddy.field("named", "{{.Id}}")[:12]

    def test_hosts_file_knows_the_container(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "--hostname", "boat", "alpine", "cat", "/etc/hosts")
        assert "127.0.0.1\tlocalhost" in out
        assert out.splitlines()[-1].split()[1] == "boat"

    def test_arguments_arrive_byte_for_byte(self, cuddy: Cuddy) -> None:
        words = ["", " ", "a\nb", "*", "$HOME", "-x", "--", "ü", "'\"\\"]
        out = cuddy("run", "--rm", "alpine", "sh", "-c", 'printf "%s|" "$@"', "sh", *words)
        assert out.stdout.decode() == "".join(f"{word}|" for word in words)

    def test_the_only_open_files_are_the_three(self, cuddy: Cuddy) -> None:
        out = cuddy.ok(
            "run", "--rm", "alpine", "sh", "-c", "ls -l /proc/self/fd | wc -l; ls /proc/self/fd"
        )
        assert out.split()[1:4] == ["0", "1", "2"]
        assert len(out.split()) == 5  # ls itself has one for the directory

    def test_signals_are_neither_blocked_nor_ignored(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "alpine", "cat", "/proc/self/status")
        masks = dict(line.split(":\t") for line in out.splitlines() if line.startswith("Sig"))
        assert int(masks["SigBlk"], 16) == 0
        assert int(masks["SigIgn"], 16) == 0


class TestNamesAndLabels:
    def test_names_and_prefixes_of_ids_find_a_container(self, cuddy: Cuddy) -> None:
        container_id = cuddy.ok("create", "--name", "web", "alpine")
        for name in ("web", container_id, container_id[:12], container_id[:5]):
            assert cuddy.field(name, "{{.Id}}") == container_id
        assert cuddy.field("web", "{{.Name}}") == "/web"

    def test_a_container_without_a_name_gets_one(self, cuddy: Cuddy) -> None:
        container_id = cuddy.ok("create", "alpine")
        name = cuddy.field(container_id, "{{.Name}}")
        assert name.startswith("/")
        assert len(name) > 3

    def test_a_name_can_be_used_again_once_it_is_free(self, cuddy: Cuddy) -> None:
        for _ in range(2):
            cuddy.ok("run", "--rm", "--name", "again", "alpine", "true")

    def test_labels(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "labelled", "--label", "a=1=2", "--label", "b", "alpine")
        assert cuddy.inspect("labelled")["Config"]["Labels"] == {"a": "1=2", "b": ""}

    def test_cidfile_gets_the_id(self, cuddy: Cuddy, tmp_path: Path) -> None:
        container_id = cuddy.ok("run", "-d", "--cidfile", tmp_path / "id", "alpine", "true")
        assert (tmp_path / "id").read_text() == container_id


class TestCreateAndStart:
    def test_created_runs_nothing_until_it_is_started(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "later", "alpine", "sh", "-c", "echo now; exit 7")
        assert cuddy.field("later", "{{.State.Status}}") == "created"
        assert cuddy.ok("logs", "later") == ""
        assert cuddy.ok("start", "later") == "later"
        assert cuddy.ok("wait", "later") == "7"
        assert cuddy.ok("logs", "later") == "now"

    def test_start_attached_gives_output_and_exit_code(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "attached", "alpine", "sh", "-c", "echo out; exit 3")
        assert cuddy("start", "-a", "attached") == (3, b"out\n", b"")

    def test_start_attached_with_standard_input(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "-i", "--name", "fed", "alpine", "cat")
        assert cuddy.ok("start", "-ai", "fed", input=b"food") == "food"

    def test_a_stopped_container_keeps_its_files_and_starts_again(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--name", "twice", "alpine", "sh", "-c", "echo x >>/count; cat /count")
        assert cuddy.ok("start", "-a", "twice").split() == ["x", "x"]
        assert cuddy.ok("logs", "twice").split() == ["x", "x", "x"]

    def test_starting_what_runs_changes_nothing(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "busy", "alpine", "sleep", "100")
        pid = cuddy.pid("busy")
        assert cuddy.ok("start", "busy") == "busy"
        assert cuddy.pid("busy") == pid


def test_rm_removes_the_container_when_it_ends(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--rm", "--name", "gone", "alpine", "true")
    assert cuddy.ok("ps", "-aq") == ""


def test_rm_and_detach_remove_the_container_when_it_ends(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--rm", "--name", "brief", "alpine", "sleep", "1000")
    assert cuddy.ok("ps", "-q") != ""
    cuddy.ok("kill", "brief")
    wait_until(lambda: cuddy.ok("ps", "-aq") == "")


def test_init_reaps_zombies_and_passes_signals_on(cuddy: Cuddy) -> None:
    script = "(sleep 0.1 &) ; exec sleep 100"
    cuddy.ok("run", "-d", "--init", "--name", "reaped", "alpine", "sh", "-c", script)
    out = cuddy.ok("exec", "reaped", "sh", "-c", "sleep 0.4; cat /proc/[0-9]*/stat")
    assert " Z " not in out
    cuddy.ok("stop", "-t", "60", "reaped", timeout=30)
    assert cuddy.field("reaped", "{{.State.ExitCode}}") == "143"


def test_without_init_the_command_is_pid_1(cuddy: Cuddy) -> None:
    assert cuddy.ok("run", "--rm", "alpine", "sh", "-c", "echo $$") == "1"


class TestPull:
    def test_never_does_not_ask_a_registry(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "--pull", "never", "127.0.0.1:9/none", "true")
        assert result.code == 125
        assert "127.0.0.1:9/none" in result.complaint

    def test_missing_images_are_pulled_by_run(self, fresh: Cuddy, registry) -> None:
        name = registry.name("busybox")
        result = fresh("run", "--rm", name, "echo", "pulled", timeout=60)
        assert (result.code, result.out) == (0, "pulled")
        assert result.err.startswith(f"Unable to find image '{name}' locally\n")
        assert fresh("run", "--rm", name, "echo", "again") == (0, b"again\n", b"")

    def test_always_asks_again(self, fresh: Cuddy, registry) -> None:
        name = registry.push(images.busybox("first"), "moving")
        fresh.ok("run", "--rm", name, "true", timeout=60)
        registry.push(images.busybox("second"), "moving")
        words = ["--rm", name, "cat", "/etc/os-release"]
        assert "first" in fresh.ok("run", *words)
        assert "second" in fresh.ok("run", "--pull", "always", *words, timeout=60)
