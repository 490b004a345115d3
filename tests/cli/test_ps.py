"""`ps`, `inspect` and `info`: what containers there are, and everything about one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from console import Cuddy, wait_until


@pytest.fixture
def three(cuddy: Cuddy) -> Cuddy:
    """One container of each state: created, running, exited with 3; made in this order."""
    cuddy.ok("create", "--name", "idle", "--label", "colour=red", "alpine", "true")
    cuddy.ok("run", "-d", "--name", "busy", "--label", "colour=blue", "alpine", "sleep", "1000")
    cuddy("run", "--name", "over", "alpine", "sh", "-c", "exit 3")
    return cuddy


def names(cuddy: Cuddy, *words: str) -> list[str]:
    return cuddy.ok("ps", "--format", "{{.Names}}", *words).split()


def test_ps_shows_what_runs_and_with_a_everything_newest_first(three: Cuddy) -> None:
    assert names(three) == ["busy"]
    assert names(three, "-a") == ["over", "busy", "idle"]
    assert names(three, "-n", "2") == ["over", "busy"]
    assert names(three, "-l") == ["over"]


def test_the_table_is_docker_s(three: Cuddy) -> None:
    header, over, busy, idle = three.ok("ps", "-a").splitlines()
    titles = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert re.split(r"  +", header.strip()) == titles
    fields = re.split(r"  +", busy.strip())
    assert re.fullmatch(r"[0-9a-f]{12}", fields[0])
    assert fields[1:3] == ["alpine", '"sleep 1000"']
    assert re.fullmatch(r"(Less than a second|About a minute|\d+ \w+) ago", fields[3])
    assert re.fullmatch(r"Up (Less than a second|\d+ \w+)", fields[4])
    assert fields[-1] == "busy"
    assert re.search(r"Exited \(3\) (Less than a second|\d+ \w+) ago", over)
    assert "Created" in idle


def test_quiet_prints_ids(three: Cuddy) -> None:
    full = three.ok("ps", "-aq", "--no-trunc").split()
    assert all(len(found) == 64 for found in full)
    assert three.ok("ps", "-aq").split() == [found[:12] for found in full]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["status=running"], ["busy"]),
        (["status=exited", "status=created"], ["over", "idle"]),
        (["exited=3"], ["over"]),
        (["name=bus"], ["busy"]),
        (["name=^/busy$"], ["busy"]),
        (["label=colour"], ["busy", "idle"]),
        (["label=colour=red"], ["idle"]),
        (["label=colour", "status=running"], ["busy"]),
        (["ancestor=alpine"], ["over", "busy", "idle"]),
        (["before=over"], ["busy", "idle"]),
        (["since=idle"], ["over", "busy"]),
        (["name=none"], []),
    ],
)
def test_filters(three: Cuddy, filters: list[str], found: list[str]) -> None:
    words = [word for condition in filters for word in ("--filter", condition)]
    assert names(three, "-a", *words) == found


def test_a_filter_by_id(three: Cuddy) -> None:
    container_id = three.field("busy", "{{.Id}}")
    assert names(three, "-a", "--filter", f"id={container_id[:8]}") == ["busy"]


def test_an_unknown_filter_is_an_error(cuddy: Cuddy) -> None:
    result = cuddy("ps", "--filter", "shape=round")
    assert result.code == 1
    assert "shape" in result.complaint


def test_formats(three: Cuddy) -> None:
    out = three.ok("ps", "-a", "--format", "{{.Names}}|{{.State}}|{{.Image}}")
    assert out.splitlines() == ["over|exited|alpine", "busy|running|alpine", "idle|created|alpine"]
    out = three.ok("ps", "-a", "--format", "table {{.Names}}\t{{.State}}")
    assert [line.split() for line in out.splitlines()][:2] == [
        ["NAMES", "STATE"],
        ["over", "exited"],
    ]
    lines = three.ok("ps", "-a", "--format", "{{json .}}").splitlines()
    assert [json.loads(line)["Names"] for line in lines] == ["over", "busy", "idle"]
    assert three.ok("ps", "--format", '{{.Label "colour"}}') == "blue"


def test_no_containers_is_only_the_header(cuddy: Cuddy) -> None:
    assert len(cuddy.ok("ps", "-a").splitlines()) == 1


class TestInspect:
    def test_it_says_what_was_asked_for(self, cuddy: Cuddy) -> None:
        words = ["-e", "A=1", "-w", "/srv", "-u", "nobody", "-h", "boat", "-m", "64m"]
        words += ["--cpus", "0.5", "--cap-add", "NET_ADMIN", "--read-only", "-it"]
        cuddy.ok("create", "--name", "all", *words, "alpine", "echo", "x")
        found = cuddy.inspect("all")
        config, host = found["Config"], found["HostConfig"]
        assert "A=1" in config["Env"]
        assert (config["WorkingDir"], config["User"]) == ("/srv", "nobody")
        assert (config["Hostname"], config["Image"]) == ("boat", "alpine")
        assert (config["Cmd"], config["Tty"], config["OpenStdin"]) == (["echo", "x"], True, True)
        assert (host["Memory"], host["NanoCpus"]) == (64 << 20, 500_000_000)
        assert [name.removeprefix("CAP_") for name in host["CapAdd"]] == ["NET_ADMIN"]
        assert host["ReadonlyRootfs"] is True
        assert (found["Path"], found["Args"]) == ("echo", ["x"])

    def test_several_and_formats(self, three: Cuddy) -> None:
        found = json.loads(three.ok("inspect", "busy", "over"))
        assert [each["Name"] for each in found] == ["/busy", "/over"]
        template = "{{.Name}} {{.State.ExitCode}} {{json .Config.Cmd}}"
        assert three.field("over", template) == '/over 3 ["sh","-c","exit 3"]'
        loop = "{{range .Config.Cmd}}<{{.}}>{{end}}"
        assert three.field("busy", loop) == "<sleep><1000>"
        assert three.field("busy", '{{index .Config.Labels "colour"}}') == "blue"

    def test_a_running_container_has_a_pid_and_an_address(self, three: Cuddy) -> None:
        found = three.inspect("busy")
        assert found["State"]["Pid"] > 1
        assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", found["NetworkSettings"]["IPAddress"])

    def test_an_image_is_inspected_too(self, cuddy: Cuddy) -> None:
        (found,) = json.loads(cuddy.ok("inspect", "alpine"))
        assert "alpine:latest" in "".join(found["RepoTags"])
        assert found["Id"].startswith("sha256:")
        assert found["Os"] == "linux"

    def test_what_is_missing_is_named_and_the_rest_printed(self, three: Cuddy) -> None:
        result = three("inspect", "busy", "missing")
        assert result.code == 1
        assert [each["Name"] for each in json.loads(result.stdout)] == ["/busy"]
        assert "missing" in result.complaint

    def test_a_bad_template_is_an_error(self, three: Cuddy) -> None:
        for template in ("{{.Nope.Nope}}", "{{.", "{{range}}", "{{nofunc .}}"):
            result = three("inspect", "--format", template, "busy")
            assert result.code in (1, 64), template
            assert result.complaint


def test_version_and_info_name_the_program(cuddy: Cuddy) -> None:
    assert re.search(r"\d+\.\d+", cuddy.ok("version"))
    assert re.match(r"\w+ version \d", cuddy.ok("--version"))
    info = cuddy.ok("info")
    assert "Containers" in info or "containers" in info


def test_what_a_container_wrote_cannot_move_the_cursor_in_ps(cuddy: Cuddy) -> None:
    cuddy.ok("create", "alpine", "\x1b[2Jclear", "a\nb")
    out = cuddy.ok("ps", "-a", "--no-trunc")
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_at_a_terminal_the_table_fits_and_names_are_whole(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "a_name_that_stays", "alpine", "sh", "-c", "echo 日本語; sleep 1")
    with cuddy.terminal("ps", "-a", columns=78) as terminal:
        assert terminal.ends() == 0
        lines = [line.rstrip() for line in terminal.screen() if line.strip()]
    assert len(lines) == 2
    assert lines[1].endswith("a_name_that_stays")
    assert "…" in lines[1]


def test_a_record_that_cannot_be_read_hides_no_other(cuddy: Cuddy) -> None:
    broken = cuddy.ok("create", "--name", "broken", "alpine", "true")
    cuddy.ok("create", "--name", "whole", "alpine", "true")
    record = cuddy.root / "containers" / broken / "container.json"
    text = record.read_text()
    record.write_text(text[:50])
    result = cuddy("ps", "-a", "--format", "{{.Names}}")
    assert (result.code, result.out) == (0, "whole")
    assert broken[:12] in result.complaint
    assert f"cuddy rm -f {broken[:12]}" in result.err
    state = '"State": {"Running": false, "StartedAt": "x", "FinishedAt": "y", "Status": "exited"}'
    for damage in (
        "[]", '{"State": []}', f"{{{state}}}", '{"State": {"Pid": "1"}}', '{"NetworkSettings": []}',
        '{"State": {"Running": true, "Health": [1]}}', '{"State": {"FinishedAt": 5}}',
    ):  # fmt: skip
        record.write_text(text)
        (record.parent / "status.json").write_text(damage)
        result = cuddy("ps", "-a", "--format", "{{.Names}}")
        assert (result.code, result.out) == (0, "whole"), damage
        assert broken[:12] in result.complaint
    (record.parent / "status.json").unlink()


def test_an_image_that_lost_its_name_is_shown_by_its_id(cuddy: Cuddy) -> None:
    cuddy.ok("tag", "alpine", "moving:1")
    cuddy.ok("create", "--name", "one", "moving:1", "true")
    assert cuddy.ok("ps", "-a", "--format", "{{.Image}}") == "moving:1"
    cuddy.ok("rmi", "moving:1")
    image = cuddy.field("one", "{{.Image}}")
    assert cuddy.ok("ps", "-a", "--format", "{{.Image}}") == image[7:19]
    assert names(cuddy, "-a", "--filter", "ancestor=alpine") == ["one"]


def test_the_format_of_dockers_config_file_is_used(cuddy: Cuddy, tmp_path: Path) -> None:
    cuddy.ok("create", "--name", "one", "alpine", "true")
    environment = cuddy.environment | {"DOCKER_CONFIG": str(tmp_path)}
    (tmp_path / "config.json").write_text('{"psFormat": "table {{.Names}}\\\\t{{.Image}}"}')
    assert cuddy.ok("ps", "-a", env=environment).split() == ["NAMES", "IMAGE", "one", "alpine"]
    assert len(cuddy.ok("ps", "-aq", env=environment)) == 12
    assert cuddy.ok("ps", "-a", "--format", "{{.State}}", env=environment) == "created"
    (tmp_path / "config.json").write_text("{")
    result = cuddy("ps", "-a", env=environment)
    assert result.code == 0
    assert "config.json" in result.complaint


def test_sizes_are_known_without_the_image(cuddy: Cuddy) -> None:
    cuddy("run", "--name", "one", "alpine", "sh", "-c", "echo 12345 >/root/x; ln /root/x /root/y")
    size = cuddy.ok("ps", "-a", "--format", "{{.Size}}")
    assert re.fullmatch(r"6B \(virtual [\d.]+MB\)", size)
    assert cuddy.ok("ps", "-as").splitlines()[1].endswith(size)


def test_ports_and_health_are_shown_and_asked_for(cuddy: Cuddy) -> None:
    words = ["--health-cmd", "true", "--health-interval", "100ms", "--expose", "443"]
    cuddy.ok("run", "-d", "--name", "web", "-p", "18080:80", *words, "alpine", "sleep", "1000")
    cuddy.ok("run", "-d", "--name", "other", "--network", "none", "alpine", "sleep", "1000")
    wait_until(lambda: names(cuddy, "--filter", "health=healthy") == ["web"])
    assert re.fullmatch(
        r"443/tcp, 0\.0\.0\.0:18080->80/tcp(, \[::\]:18080->80/tcp)?\|Up .* \(healthy\)",
        cuddy.ok("ps", "--filter", "publish=18080", "--format", "{{.Ports}}|{{.Status}}"),
    )
    assert names(cuddy, "--filter", "expose=440-450") == ["web"]
    assert names(cuddy, "--filter", "health=none") == ["other"]
    cuddy.ok("pause", "other")
    assert names(cuddy, "--filter", "status=paused") == ["other"]
    assert "(Paused)" in cuddy.ok("ps", "--filter", "name=other")
