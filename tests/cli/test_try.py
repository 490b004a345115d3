"""`try`: commands on a copy-on-write view of this machine, and what becomes of what they did.

Everything is applied below the test's own directory, in the session's own mount namespace.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import stat
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, children_of, gone_on, processes_called, wait_until
from cuddy.engine.home import Home
from cuddy.kernel import capabilities

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has trials")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A tree of the host's, older than any trial."""
    top = tmp_path / "top"
    (top / "directory/deep").mkdir(parents=True)
    (top / "changed").write_text("old")
    (top / "gone").write_text("old")
    (top / "directory/deep/file").write_text("old")
    (top / "directory/kept").write_text("kept")
    (top / "becomes-directory").write_text("old")
    (top / "becomes-file").mkdir()
    (top / "becomes-file/inner").write_text("old")
    time.sleep(0.02)
    return top


CHANGES = """
cd "$0"
echo new > changed; rm gone; rm -r directory/deep; mkdir made; echo made > made/file
chmod 750 made; ln -s target link; mkfifo -m 666 pipe; chmod 600 directory/kept
rm becomes-directory; mkdir becomes-directory; echo in > becomes-directory/inner
rm -r becomes-file; echo file > becomes-file
"""


def do_changes(cuddy: Cuddy, top: Path, name: str = "changes") -> None:
    cuddy.ok("try", "-q", "--name", name, "--", "sh", "-ec", CHANGES, top)


def listed(top: Path) -> dict[str, str]:
    """Every path below with its permissions and content."""
    found = {}
    for path in sorted(top.rglob("*")):
        mode = path.lstat().st_mode
        text = path.read_text() if stat.S_ISREG(mode) else ""
        found[str(path.relative_to(top))] = f"{stat.filemode(mode)} {text.strip()}"
    return found


NEW = {
    "becomes-directory": "drwxr-xr-x ",
    "becomes-directory/inner": "-rw-r--r-- in",
    "becomes-file": "-rw-r--r-- file",
    "changed": "-rw-r--r-- new",
    "directory": "drwxr-xr-x ",
    "directory/kept": "-rw------- kept",
    "link": "lrwxrwxrwx ",
    "made": "drwxr-x--- ",
    "made/file": "-rw-r--r-- made",
    "pipe": "prw-rw-rw- ",
}


def test_a_command_sees_the_machine_and_changes_only_its_view(cuddy: Cuddy, top: Path) -> None:
    script = 'id -u; pwd; echo "$SAID"; cat changed; echo new > changed; cat changed; exit 7'
    environment = cuddy.environment | {"SAID": "heard"}
    words = ("try", "--name", "one", "--", "sh", "-c", script)
    result = cuddy(*words, cwd=top, env=environment)
    assert result.code == 7
    assert result.out.split() == [str(os.getuid()), str(top), "heard", "oldnew"]
    assert result.err == "cuddy: kept as trial one: see 'cuddy try diff one'"
    assert (top / "changed").read_text() == "old"
    network = cuddy.ok("try", "-q", "--name", "two", "--", "readlink", "/proc/self/ns/net")
    assert network == os.readlink("/proc/self/ns/net")
    # Once more in the same view.
    assert cuddy.ok("try", "-q", "--name", "one", "--", "cat", top / "changed") == "new"
    assert cuddy.ok("try", "ls", "--format", "{{.Name}} {{.Status}}").splitlines() == [
        "one exited (0)", "two exited (0)",
    ]  # fmt: skip
    assert cuddy.ok("try", "discard", "one", "two").split() == ["one", "two"]
    assert cuddy.ok("try", "ls", "-q") == ""
    assert (top / "changed").read_text() == "old"


def test_root_cannot_undo_the_view(cuddy: Cuddy) -> None:
    script = "umount /proc/sys; mount -o remount,rw /sys; echo x > /proc/sys/kernel/domainname; :"
    result = cuddy("try", "-q", "--name", "one", "--", "sh", "-c", script)
    assert result.code == 0
    assert "must be superuser" in result.err
    assert "permission denied" in result.err
    assert "Read-only" in result.err
    powers = cuddy.ok("try", "-q", "--name", "one", "--", "grep", "CapEff", "/proc/self/status")
    lacking = ("SYS_ADMIN", "MKNOD", "SYS_RAWIO", "SYS_MODULE", "DAC_READ_SEARCH")
    for power in lacking:
        assert not int(powers.split()[1], 16) >> capabilities.NUMBERS[f"CAP_{power}"] & 1
    assert cuddy("try", "-q", "--name", "one", "--", "sh", "-c", "ls /dev/[hsv]d*").code != 0
    assert "Read-only" in cuddy("try", "-q", "--name", "one", "--", "touch", cuddy.root / "x").err
    cuddy.ok("try", "discard", "one")


def test_what_was_changed_is_told_and_becomes_the_hosts(cuddy: Cuddy, top: Path) -> None:
    before = listed(top)
    do_changes(cuddy, top)
    assert listed(top) == before
    told = cuddy.ok("try", "diff", "changes").splitlines()
    inside = {line.replace(f"/{top.relative_to('/')}/", "") for line in told if f"{top}/" in line}
    assert inside >= {
        "C changed", "D gone", "D directory/deep", "A made", "A made/file", "A link", "A pipe",
        "C directory/kept", "C becomes-directory", "A becomes-directory/inner", "C becomes-file",
    }  # fmt: skip
    cuddy.ok("try", "apply", "changes")
    assert listed(top) == NEW
    assert os.readlink(top / "link") == "target"
    assert cuddy.ok("try", "ls", "-q") == ""


def test_nothing_is_applied_where_the_host_has_changed_since(cuddy: Cuddy, top: Path) -> None:
    do_changes(cuddy, top)
    (top / "changed").write_text("other")
    (top / "directory/deep/another").write_text("other")
    (top / "made").write_text("in the way")
    before = listed(top)
    complaint = cuddy("try", "apply", "changes").complaint
    for name in ("changed", "directory/deep", "made"):
        assert f"{top}/{name}" in complaint
    assert listed(top) == before
    cuddy.ok("try", "apply", "--force", "changes")
    assert listed(top) == NEW


def test_a_directory_that_became_a_link_leads_nowhere(cuddy: Cuddy, top: Path) -> None:
    cuddy.ok("try", "-q", "--name", "one", "--", "sh", "-c", f"echo x > {top}/directory/made")
    elsewhere = top.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.rmtree(top / "directory")
    (top / "directory").symlink_to(elsewhere)
    assert "changed on the host" in cuddy("try", "apply", "one").complaint
    assert list(elsewhere.iterdir()) == []
    cuddy.ok("try", "apply", "--force", "one")
    assert list(elsewhere.iterdir()) == []
    assert not (top / "directory").is_symlink()
    assert (top / "directory/made").read_text() == "x\n"


def test_what_lies_in_a_file_system_that_is_gone_comes_whole(cuddy: Cuddy, top: Path) -> None:
    inner = top / "directory"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inner], check=True)
    cuddy.ok(
        "try", "-q", "--name", "one", "--", "sh", "-c", f"mkdir {inner}/d; echo x > {inner}/d/made"
    )
    subprocess.run(["umount", inner], check=True)
    shutil.rmtree(inner)
    cuddy.ok("try", "apply", "one")
    assert (inner / "d/made").read_text() == "x\n"


def test_killed_at_any_moment_each_file_is_old_or_new(cuddy: Cuddy, top: Path) -> None:
    script = "for i in $(seq 60); do echo new $i > {top}/file$i; done; mkdir {top}/d; rm {top}/gone"
    for number in range(1, 61):
        (top / f"file{number}").write_text(f"old {number}\n")
    time.sleep(0.02)
    choice = random.Random(7)
    cuddy.ok("try", "-q", "--name", "many", "--", "sh", "-ec", script.format(top=top))
    for _ in range(6):
        with cuddy.start("try", "apply", "many") as process:
            time.sleep(0.1 + choice.random() * 0.15)
            process.send_signal(signal.SIGKILL)
            process.wait()
        for number in range(1, 61):
            assert (top / f"file{number}").read_text() in (f"old {number}\n", f"new {number}\n")
        if not cuddy.ok("try", "ls", "-q"):
            break
    else:
        cuddy.ok("try", "apply", "many")
    assert {(top / f"file{n}").read_text() for n in range(1, 61)} == {
        f"new {n}\n" for n in range(1, 61)
    }
    assert (top / "d").is_dir()
    assert not (top / "gone").exists()
    assert [path for path in top.rglob("*") if "cuddy-try" in path.name] == []


def test_what_a_killed_apply_began_goes_with_the_trial(cuddy: Cuddy, top: Path) -> None:
    do_changes(cuddy, top)
    record = Home(str(cuddy.root)).trials_dir + "/changes/trial.json"
    text = Path(record).read_text()
    identity = re.search(r'"Id": ?"(\w+)"', text)
    assert identity
    Path(record).write_text(text.replace('"Applied":false', '"Applied":true'))
    begun = top / f".cuddy-try-{identity[1]}"
    begun.write_text("half")
    assert "partly applied" in cuddy.ok("try", "ls")
    cuddy.ok("try", "discard", "changes")
    assert not begun.exists()
    assert (top / "changed").read_text() == "old"


def test_what_it_leaves_running_ends_with_it(cuddy: Cuddy) -> None:
    script = "setsid sleep 4567 < /dev/null > /dev/null 2>&1 & echo begun"
    assert cuddy.ok("try", "-q", "--name", "one", "--", "sh", "-c", script) == "begun"
    found = subprocess.run(["pgrep", "-f", "sleep 4567"], capture_output=True, check=False)
    assert found.stdout == b""
    cuddy.ok("try", "discard", "one")


def test_one_at_a_time_decides(cuddy: Cuddy, top: Path) -> None:
    words = ("try", "-q", "--name", "one", "--", "sh", "-c", f"touch {top}/x; echo; sleep 30")
    with cuddy.start(*words) as process:
        assert process.stdout
        process.stdout.readline()
        for verb in ("apply", "discard", "commit"):
            assert "is in use" in cuddy("try", verb, "one").complaint
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
    wait_until(lambda: cuddy("try", "discard", "one").code == 0)


def test_a_trial_that_was_killed_as_it_was_made_can_be_begun(cuddy: Cuddy, top: Path) -> None:
    do_changes(cuddy, top)
    record = Path(Home(str(cuddy.root)).trials_dir, "changes/trial.json")
    record.write_text(re.sub(r'"Parts":.*?]],', '"Parts":[],', record.read_text()))
    cuddy.ok("try", "-q", "--name", "changes", "--", "touch", top / "again")
    assert cuddy.ok("try", "diff", "changes").splitlines()[-1] == f"A {top}/again"
    assert "changed" not in cuddy.ok("try", "diff", "changes")
    cuddy.ok("try", "discard", "changes")


def test_no_command_is_taken_for_a_verb(cuddy: Cuddy, tmp_path: Path) -> None:
    for name in ("diff", "apply", "run"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho mine {name} $*\n")
        path.chmod(0o755)
    environment = cuddy.environment | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for words in (["--", "diff", "--", "-x"], ["-q", "--", "apply", "a"], ["run", "run"]):
        said = cuddy.ok("try", *words, env=environment)
        assert said.startswith("mine ")
    assert "cuddy try -- make" in cuddy("try", "make", "install").complaint
    for words, code in ((["--", "nosuch"], 127), (["--", "/etc/passwd"], 126)):
        result = cuddy("try", *words)
        assert (result.code, result.out) == (code, "")
    assert "no such trial: zz" in cuddy("try", "apply", "zz").complaint
    assert "trial name" in cuddy("try", "--name", "/", "--", "true").complaint
    assert len(cuddy.ok("try", "ls", "-q").split()) == 3
    cuddy.ok("try", "discard", *cuddy.ok("try", "ls", "-q").split())


def test_an_image_of_what_was_changed(cuddy: Cuddy, top: Path) -> None:
    do_changes(cuddy, top)
    cuddy.ok("try", "commit", "-m", "tried", "changes", "changed:1")
    cuddy.ok("create", "--name", "one", "changed:1", "none")
    archive = top.parent / "archive"
    archive.write_bytes(cuddy("export", "one").stdout)
    with tarfile.open(archive) as found:
        made = found.extractfile(f"{top.relative_to('/')}/made/file")
        assert made
        assert made.read() == b"made\n"
        assert f"{top.relative_to('/')}/directory/deep" not in found.getnames()
    cuddy.ok("rm", "one")
    cuddy.ok("rmi", "changed:1")
    cuddy.ok("try", "discard", "changes")


def test_at_a_terminal_it_is_the_callers(cuddy: Cuddy) -> None:
    with cuddy.terminal("try", "-q", "--name", "one", "--", "sh", "-c", "tty; test -t 0") as it:
        assert it.ends() == 0
        assert any("/dev/pts/" in line for line in it.screen())
    cuddy.ok("try", "discard", "one")


def test_a_trial_is_nothing_to_repair(fresh: Cuddy) -> None:
    """It is the user's: `system check --repair` may not take it away."""
    assert not fresh.ok("system", "check").startswith("broken")
    (fresh.root / "trials/kept").mkdir(parents=True)
    assert "trials" not in fresh("system", "check", "--repair").out
    assert (fresh.root / "trials/kept").is_dir()


def test_nobody_decides_while_a_command_runs_whose_try_was_killed(cuddy: Cuddy, top: Path) -> None:
    """The command and all that it has started end first; then the trial is free."""
    script = f"touch {top}/x; setsid sleep 4568 & echo; sleep 4569"
    with cuddy.start("try", "-q", "--name", "one", "--", "sh", "-c", script) as process:
        assert process.stdout
        process.stdout.readline()
        (keeper,) = children_of(process.pid)
        os.kill(keeper, signal.SIGSTOP)  # so that it is seen to be waited for
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert "is in use" in cuddy("try", "discard", "one").complaint
        os.kill(keeper, signal.SIGCONT)
        wait_until(lambda: cuddy("try", "discard", "one").code == 0)
    for seconds in (4568, 4569):
        assert not processes_called(f"sleep\0{seconds}\0")


def test_files_with_several_names_stay_one_file(cuddy: Cuddy, top: Path) -> None:
    script = 'cd "$0"; echo one > made; mkdir d; ln made d/other; ln -f made changed'
    script += "; ln directory/kept more"
    cuddy.ok("try", "-q", "--name", "one", "--", "sh", "-ec", script, top)
    cuddy.ok("try", "apply", "one")
    files = [top / "made", top / "d/other", top / "changed"]
    assert {path.stat().st_ino for path in files} == {files[0].stat().st_ino}
    assert files[0].stat().st_nlink == 3
    # A name more of one that is not changed.
    assert (top / "more").samefile(top / "directory/kept")
    assert [path for path in top.rglob("*") if "cuddy-try" in path.name] == []


def test_what_has_been_mounted_since_is_not_changed(cuddy: Cuddy, top: Path) -> None:
    cuddy.ok("try", "-q", "--name", "one", "--", "sh", "-c", f"echo x > {top}/directory/made")
    subprocess.run(["mount", "-t", "tmpfs", "none", top / "directory"], check=True)
    try:
        complaint = cuddy("try", "apply", "one").complaint
        assert f"something has been mounted at {top}/directory" in complaint
        assert list((top / "directory").iterdir()) == []
    finally:
        subprocess.run(["umount", top / "directory"], check=True)
    cuddy.ok("try", "apply", "one")
    assert (top / "directory/made").read_text() == "x\n"


CALLS = (
    "mkdirat,renameat,renameat2,linkat,unlinkat,symlinkat,mknodat,fchmod,fchown,fchownat,fsync,"
    "utimensat,fsetxattr,copy_file_range,sendfile,write,openat2"
)
"""Those that change something, and openat2(2), which comes before most of them."""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="strace kills at a system call")
def test_killed_at_each_system_call_of_apply_it_can_be_called_again(
    cuddy: Cuddy, top: Path, tmp_path: Path
) -> None:
    """Every file is old or new after the kill, and all are new when it has been called again."""
    script = 'cd "$0"; rm gone; echo n > changed; mkdir d; echo m > d/f; ln d/f d/g; ln -s x link'
    script += "; rm becomes-directory; mkdir becomes-directory; rm -r becomes-file; > becomes-file"
    old = listed(top)
    shutil.copytree(top, tmp_path / "old", symlinks=True)
    cuddy.ok("try", "-q", "--name", "one", "--", "sh", "-ec", script, top)
    trial, kept = Path(Home(str(cuddy.root)).trials_dir, "one"), tmp_path / "trial"
    subprocess.run(["cp", "-a", trial, kept], check=True)
    cuddy.ok("try", "apply", "one")
    new = listed(top)
    kills = 0
    for number in range(1, 1000):
        gone_on()
        begin_anew(top, tmp_path / "old", trial, kept)
        inject = f"inject={CALLS}:signal=SIGKILL:when={number}"
        words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", inject]
        done = subprocess.run(
            [*words, *cuddy.program, "try", "apply", "one"],
            env=cuddy.environment, capture_output=True,
        )  # fmt: skip
        for path, text in listed(top).items():
            if "cuddy-try" not in path:
                assert text in (old.get(path), new.get(path)), f"{number}: {path} is {text}"
        if cuddy.ok("try", "ls", "-q"):
            cuddy.ok("try", "apply", "one")
        assert listed(top) == new, f"killed at call {number}"
        assert (top / "d/f").samefile(top / "d/g"), f"killed at call {number}"
        if done.returncode == 0:
            break
        kills += 1
    assert kills > 40


def begin_anew(top: Path, old: Path, trial: Path, kept: Path) -> None:
    """The host's files as they were, and a trial that began after that."""
    shutil.rmtree(top)
    shutil.copytree(old, top, symlinks=True)
    subprocess.run(["cp", "-a", kept, trial], check=True)
    time.sleep(0.02)
    record = trial / "trial.json"
    record.write_text(re.sub(r'"Since":\d+', f'"Since":{time.time_ns()}', record.read_text()))
