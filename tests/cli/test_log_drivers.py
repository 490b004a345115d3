"""--log-driver and --log-opt, with dockerd and journald as judges."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from console import Cuddy
from cuddy.engine import locallog
from peers import Peer

TRICKY = r"""
printf 'plain\n\n\ttab\r\n"quote" \\ back\\nslash <a href=x>&amp;\n'
printf 'bell\007 esc\033[1m nul\000 del\177 bs\010 ff\014\n'
printf '\303\274n\303\257 \342\202\254 \360\237\216\211 \342\200\250 \357\277\275\n'
printf 'bad \377\376 \342\202x \355\240\200 \300\257 ?\n'
head -c 16384 /dev/zero | tr '\0' a; echo
head -c 40000 /dev/zero | tr '\0' b; echo
printf 'no end'
"""


@pytest.fixture
def docker_with_image(cuddy: Cuddy, docker: Peer, tmp_path: Path) -> Peer:
    """docker with the image `alpine` of ours."""
    cuddy.ok("save", "-o", tmp_path / "alpine.tar", "alpine")
    docker.ok("load", "-i", tmp_path / "alpine.tar")
    return docker


class TestDockerAsJudge:
    def test_json_lines_are_dockers_byte_for_byte(
        self, cuddy: Cuddy, docker_with_image: Peer
    ) -> None:
        docker = docker_with_image
        words = ["--network", "none", "--label", "b=<2>", "--env", "A=1", "--log-opt", "labels=b"]
        words += ["--log-opt", "env-regex=^A$", "--log-opt", "tag={{.Name}}", "--name", "judged"]
        words += ["alpine", "sh", "-c", TRICKY]
        cuddy("run", *words)
        docker.ok("run", "-d", *words)
        try:
            docker.ok("wait", "judged")
            theirs = Path(docker.ok("inspect", "--format", "{{.LogPath}}", "judged")).read_bytes()
        finally:
            docker.ok("rm", "-f", "judged")
        ours = Path(cuddy.field("judged", "{{.LogPath}}")).read_bytes()
        assert without_times(ours) == without_times(theirs)

    def test_docker_reads_our_local_format_and_we_read_its(
        self, cuddy: Cuddy, docker_with_image: Peer
    ) -> None:
        docker = docker_with_image
        words = ["--network", "none", "--log-driver", "local", "--name", "judged"]
        words += ["alpine", "sh", "-c", TRICKY]
        cuddy("run", *words)
        docker.ok("run", "-d", *words)
        try:
            docker.ok("wait", "judged")
            root = Path(docker.ok("info", "--format", "{{.DockerRootDir}}"))
            (theirs,) = root.glob("containers/*/local-logs/container.log")
            directory = Path(cuddy.field("judged", "{{.HostsPath}}")).parent
            ours = directory / "local-logs/container.log"
            ours_before, theirs_before = ours.read_bytes(), theirs.read_bytes()
            shown = cuddy("logs", "judged").stdout
            theirs.write_bytes(ours_before)
            # docker 20.10 shows no newline after a line that came in pieces; 28 does.
            old = shown.replace(b"a\nb", b"ab").replace(b"b\nno", b"bno")
            assert subprocess.check_output([*docker.prefix, "logs", "judged"]) in (shown, old)
            ours.write_bytes(theirs_before)
            assert cuddy("logs", "judged").stdout == shown
        finally:
            docker.ok("rm", "-f", "judged")
        ours_read, theirs_read = map(list, map(locallog.decode, (ours_before, theirs_before)))
        assert None not in ours_read and None not in theirs_read
        assert b"".join(e.data for e in ours_read if e) == b"".join(
            e.data for e in theirs_read if e
        )

    @pytest.mark.parametrize(
        "words",
        [
            ["--log-opt", "foo=1"],
            ["--log-driver", "local", "--log-opt", "foo=1"],
            ["--log-driver", "journald", "--log-opt", "max-size=1"],
            ["--log-opt", "mode=sometimes"],
            ["--log-opt", "max-buffer-size=1m"],
            ["--log-driver", "none", "--log-opt", "max-size=1m"],
        ],
        ids=" ".join,
    )
    def test_what_is_refused_is_refused_in_dockers_words(
        self, cuddy: Cuddy, docker_with_image: Peer, words: list[str]
    ) -> None:
        command = [*docker_with_image.prefix, "create", *words, "alpine"]
        theirs = subprocess.run(command, capture_output=True, text=True)
        ours = cuddy("create", *words, "alpine")
        assert ours.code and theirs.returncode
        message = ours.complaint.removeprefix("cuddy: ").split(" (")[0]
        assert message in theirs.stderr


def without_times(lines: bytes) -> list[bytes]:
    return [line.rpartition(b',"time":')[0] for line in lines.splitlines()]


class TestLocal:
    def test_it_is_rotated_compressed_and_read_like_any_other(self, cuddy: Cuddy) -> None:
        words = ["--log-driver", "local", "--log-opt", "max-size=20k", "--log-opt", "max-file=99"]
        script = "seq 1 10000; printf '%40000d\\n' 7; printf end >&2"
        cuddy.ok("run", "-d", "--name", "talker", *words, "alpine", "sh", "-c", script)
        cuddy.ok("wait", "talker")
        assert cuddy.field("talker", "{{.LogPath}}") == ""
        result = cuddy("logs", "talker")
        whole = "".join(f"{n}\n" for n in range(1, 10_001)) + "7".rjust(40_000) + "\n"
        assert (result.stdout.decode(), result.stderr) == (whole, b"end")
        assert cuddy.ok("logs", "--tail", "2", "talker") == "7".rjust(40_000)
        assert cuddy.ok("logs", "--tail", "6002", "talker").splitlines()[0] == "4001"
        cuddy.ok("logs", "--clear", "talker")
        assert cuddy("logs", "talker") == (0, b"", b"")


class TestNone:
    def test_nothing_is_kept_and_logs_says_so(self, cuddy: Cuddy) -> None:
        assert (
            cuddy.ok("run", "--name", "mute", "--log-driver", "none", "alpine", "echo", "a") == "a"
        )
        complaint = cuddy("logs", "mute").complaint
        assert "configured logging driver does not support reading" in complaint


def test_attributes_are_shown_with_details(cuddy: Cuddy) -> None:
    words = ["-l", "site=a b", "-e", "ZONE=x,y", "--log-opt", "labels=site,none", "--log-opt"]
    words += ["env=ZONE", "--name", "web", "alpine", "sh", "-c", "echo one; echo two"]
    cuddy.ok("run", *words)
    shown = cuddy.ok("logs", "--details", "web").splitlines()
    assert shown == ["ZONE=x%2Cy,site=a+b one", "ZONE=x%2Cy,site=a+b two"]
    assert cuddy.ok("logs", "web").splitlines() == ["one", "two"]


JOURNAL = """
set -e
mkdir -p /run/systemd /run/log
mount -t tmpfs none /run/systemd
mount -t tmpfs none /run/log
mkdir -p /run/systemd/journal /run/log/journal
[ ! -d /var/log/journal ] || mount -t tmpfs none /var/log/journal
journald=$1; shift
"$journald" & pid=$!
trap 'kill $pid; wait $pid || :' EXIT
until [ -S /run/systemd/journal/socket ]; do sleep 0.02; done
"$@"
"""


class TestJournald:
    def test_without_a_journal_the_container_does_not_start(self, cuddy: Cuddy) -> None:
        if Path("/run/systemd/journal/socket").exists():
            pytest.skip("this machine has a journal")
        result = cuddy("run", "--name", "kept", "--log-driver", "journald", "alpine", "true")
        assert (result.code, "journald is not enabled" in result.complaint) == (125, True)
        assert cuddy.field("kept", "{{.State.Running}}") == "false"

    def test_lines_go_to_the_journal_and_come_back(self, cuddy: Cuddy, tmp_path: Path) -> None:
        """With a real journald, in mounts of its own."""
        journald = next(
            (p for p in ("/lib/systemd/systemd-journald", "/usr/lib/systemd/systemd-journald")
             if Path(p).exists()), "")  # fmt: skip
        if not (journald and shutil.which("journalctl") and Path("/etc/machine-id").exists()):
            pytest.skip("systemd-journald is not installed")
        program = " ".join(f"'{word}'" for word in cuddy.program)
        script = f"""
            set -e
            {program} run -d --name talker --log-driver journald -l a.b=c --log-opt labels=a.b \\
                --log-opt 'tag={{{{.Name}}}}!' alpine sh -c "$1"
            {program} logs -f talker >{tmp_path}/followed 2>{tmp_path}/errors
            {program} logs -t --details talker >{tmp_path}/all 2>&1
            {program} logs --tail 1 talker >{tmp_path}/tail
            journalctl --output=json --all CONTAINER_NAME=talker >{tmp_path}/journal
        """
        inside = "echo one; printf '%300000d\\n' 7; printf '\\377\\n'; sleep 0.3; echo err >&2"
        words = ["unshare", "--mount", "sh", "-c", JOURNAL, "sh", journald, "sh", "-c", script]
        done = subprocess.run(
            [*words, "sh", inside], env=cuddy.environment, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()
        followed = (tmp_path / "followed").read_bytes()
        assert followed == b"one\n" + b"7".rjust(300_000) + b"\n\xff\n"
        assert (tmp_path / "errors").read_bytes() == b"err\n"
        assert (tmp_path / "tail").read_bytes() == b""  # the last line went to standard error
        assert b" A_B=c one\n" in (tmp_path / "all").read_bytes()
        entries = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
        assert {entry["CONTAINER_TAG"] for entry in entries} == {"talker!"}
        assert entries[0].items() >= {
            "MESSAGE": "one", "PRIORITY": "6", "IMAGE_NAME": "alpine", "A_B": "c",
            "SYSLOG_IDENTIFIER": "talker!", "CONTAINER_NAME": "talker",
        }.items()  # fmt: skip
        assert entries[0]["CONTAINER_ID_FULL"].startswith(entries[0]["CONTAINER_ID"])
        pieces = [entry for entry in entries if "CONTAINER_PARTIAL_ID" in entry]
        assert len(pieces) == 19 and pieces[-1]["CONTAINER_PARTIAL_LAST"] == "true"
