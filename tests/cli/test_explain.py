"""`explain`: a container beside the host, as the kernel has it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console import ENGINE, Cuddy, wait_until
from cuddy.cli.container import explain

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine explains anything")
PAGE = Path(__file__).parents[2] / "docs/commands/explain.md"


def explained(cuddy: Cuddy, *words: str) -> dict[str, Any]:
    """Topic -> thing -> its row; of several rows of one thing the first."""
    document = json.loads(cuddy.ok("explain", "--json", *words))
    return {
        topic: {row["Thing"]: row for row in reversed(rows)}
        for topic, rows in document["Topics"].items()
    }


def test_what_is_shown_is_what_the_kernel_says(cuddy: Cuddy) -> None:
    script = "echo x > /written; sleep 1001 & wait"
    words = ["--name", "one", "--hostname", "inside", "--cap-drop", "chown", "-m", "48m"]
    words += ["--memory-swap", "96m", "--pids-limit", "30"]
    cuddy.ok("run", "-d", *words, "alpine", "sh", "-c", script)
    wait_until(lambda: len(cuddy.ok("top", "one").splitlines()) == 3)
    told, pid = explained(cuddy, "one"), cuddy.pid("one")
    assert list(told) == list(explain.TOPICS)
    for kind, row in told["namespaces"].items():
        name = {"mount": "mnt", "network": "net"}.get(kind, kind)
        for side, who in (("Host", "self"), ("Container", pid)):
            assert os.readlink(f"/proc/{who}/ns/{name}") == f"{name}:[{row[side]}]"
        is_own = row["Note"].startswith("own:")
        assert is_own == (row["Host"] != row["Container"])
    assert told["processes"]["ps"]["Container"] == "2 processes"
    assert told["processes"]["process"]["Host"].startswith(f"pid {pid},")
    assert told["processes"]["process"]["Container"].startswith("pid 1,")
    assert told["names"]["hostname"]["Container"] == "inside"
    assert told["names"]["hostname"]["Host"] == os.uname().nodename
    assert told["mounts"]["/"]["Container"] == "overlay"
    address = cuddy.field("one", "{{.NetworkSettings.IPAddress}}")
    assert told["network"]["eth0"]["Container"].startswith(f"{address}/")
    assert told["limits"]["memory"]["Container"].endswith("of 48MiB")
    assert told["limits"]["processes"]["Container"] == "2 of 30"
    swap = told["limits"]["the swap limit"]
    assert swap["Container"] == ("96MiB" if "memsw" in swap["Note"] else "48MiB")
    file = told["limits"]["memory"]["Note"].split()[-1]
    assert int(Path(file).read_text()) == 48 << 20
    assert told["files"]["top"]["Container"] == "2B"
    assert told["files"]["/bin/busybox"]["Host"] == "in layer 1"
    powers = told["capabilities"]
    assert powers["chown"]["Container"] == "dropped"
    assert powers["kill"]["Container"] == "kept"
    bounding = re.search(r"CapBnd:\t(\w+)", Path(f"/proc/{pid}/status").read_text())
    assert bounding
    kept = sum(row["Container"] == "kept" for row in powers.values())
    assert kept == int(bounding[1], 16).bit_count()
    assert told["seccomp"]["mount"]["Container"] == "refused"
    assert told["paths"]["/proc/timer_list"]["Container"] == "masked"


def test_a_container_that_does_not_run_is_shown_as_it_would_be(cuddy: Cuddy) -> None:
    words = ["--user", "nobody", "--network", "none", "--uts", "host", "--read-only"]
    cuddy.ok("create", "--name", "idle", *words, "--privileged", "alpine", "sh", "-c", "never")
    told = explained(cuddy, "idle")
    assert told["namespaces"]["pid"]["Container"] == "a new one"
    assert told["namespaces"]["uts"]["Note"].startswith("shared")
    assert told["processes"]["ps"]["Note"] == "sh -c never"
    assert told["users"]["runs as"]["Container"].startswith("uid 65534,")
    assert told["names"]["hostname"]["Container"] == os.uname().nodename
    assert {row["Container"] for row in told["seccomp"].values()} == {"all"}
    assert set(told["paths"]) == {"/"}
    assert told["capabilities"]["sys_admin"]["Container"] == "kept"
    assert "would be" in cuddy.ok("explain", "-t", "network", "idle")


def test_what_is_shared_with_whom(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "--pid", "host", "alpine", "sleep", "1001")
    cuddy.ok("create", "--name", "two", "--network", "container:one", "alpine", "true")
    first = explained(cuddy, "-t", "namespaces,processes", "one")
    assert first["namespaces"]["pid"]["Note"].startswith("shared: the host's")
    assert first["processes"]["ps"]["Container"] == "the same"
    told = explained(cuddy, "-t", "namespaces", "two")["namespaces"]["network"]
    assert told["Container"].startswith("that of ")
    assert told["Note"].startswith("shared with container")


def test_files_are_told_by_the_layer_that_shows_them(cuddy: Cuddy) -> None:
    recipe = "FROM alpine\nRUN head -c 3000000 /dev/zero > /large && rm -f /etc/motd\n"
    cuddy.ok("build", "-q", "--network", "none", "-t", "larger", "-", input=recipe.encode())
    cuddy.ok("create", "--name", "one", "larger", "true")
    told = explained(cuddy, "-t", "files", "one")["files"]
    assert told["/large"]["Host"] == "in layer 2"
    assert told["/bin/busybox"]["Host"] == "in layer 1"
    assert "head -c 3000000" in told["layer 2"]["Note"]
    cuddy.ok("create", "--name", "view", "host", "true")
    assert told.keys().isdisjoint(explained(cuddy, "-t", "files", "view")["files"])


def test_topics_and_names_that_there_are_not(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "one", "alpine", "true")
    assert "no topic 'weather'" in cuddy("explain", "-t", "weather", "one").complaint
    assert "No such container: nobody" in cuddy("explain", "nobody").complaint


def test_at_a_terminal_nothing_speaks_to_it(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sh", "-c", "sleep 1005; :", "\x1b[2Jx")
    words = ("explain", "-t", "names,processes", "one")
    with cuddy.terminal(*words, rows=40, columns=120) as terminal:
        assert terminal.ends() == 0
        screen = terminal.screen()
        assert any("set by sethostname(2) in its own" in line for line in screen)
        assert any("sleep 1005" in line for line in screen)


@contextmanager
def demo(cuddy: Cuddy) -> Iterator[list[str]]:
    """The page's example, run: the lines that it prints."""
    lines = [line[4:] for line in PAGE.read_text().splitlines() if line.startswith("    $ cuddy ")]
    begin, show = (line.removeprefix("$ cuddy ").split() for line in lines[:2])
    usual = {name: value for name, value in cuddy.environment.items() if name != "CUDDY_CONFIG"}
    cuddy.ok(*begin, env=usual)
    yield cuddy.ok(*show).splitlines()


def test_the_example_of_the_page_prints_what_the_page_says(cuddy: Cuddy) -> None:
    told = PAGE.read_text().partition("$ cuddy explain --topic ")[2].partition("\n\nThe num")[0]
    with demo(cuddy) as lines:
        assert [plain(line) for line in lines] == [
            plain(line.removeprefix("    ")) for line in told.splitlines()[1:]
        ]


def plain(line: str) -> str:
    """A line without numbers, which are of the machine, and without its columns."""
    return re.sub(r"\d+", "N", " ".join(line.split())).replace("process N", "process")


@pytest.mark.parametrize("columns", [80, 140])
def test_at_a_terminal_no_word_is_cut_that_would_fit(cuddy: Cuddy, columns: int) -> None:
    cuddy.ok("run", "-d", "--name", "one", "-m", "64m", "alpine", "sleep", "1001")
    words = ["explain", "--topic", "capabilities,limits,mounts", "one"]
    with cuddy.terminal(*words, rows=200, columns=columns) as terminal:
        assert terminal.ends() == 0
        lines = terminal.screen()
    text = "\n".join(lines)
    for word in ("net_bind_service", "dac_read_search", "/sys/fs/cgroup", "64MiB"):
        assert word in text, text
    # What is long is folded, and ids are cut.
    assert max(map(len, lines)) <= columns
    assert cuddy.field("one", "{{.Id}}") not in text.replace("\n", "").replace(" ", "")
    cuddy.ok("rm", "-f", "one")
