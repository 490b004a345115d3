"""Sandboxes: commands one after the other, files in and out, limits, and their end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cuddy as package
from behind import of_library
from console import TIME_FACTOR, Cuddy, sleeps, wait_until
from cuddy import Engine, Sandbox, Timeout, aio
from cuddy.errors import Conflict, InvalidArgument, NoSuchContainer, NotFound

Program = Callable[[str], subprocess.Popen[str]]
BEGIN = 'box = cuddy.Sandbox("alpine", network="none"{})\nprint(box.id, flush=True)\n'


@pytest.fixture
def box(engine: Engine) -> Iterator[Sandbox]:
    with Sandbox("alpine", engine=engine, network="none", pids=200) as sandbox:
        yield sandbox


def is_gone(cuddy: Cuddy) -> bool:
    return cuddy.ok("ps", "-aq") == "" and not os.listdir(f"{cuddy.root}/containers")


def started(process: subprocess.Popen[str]) -> str:
    """The id of the sandbox that a program has made."""
    assert process.stdout
    name = process.stdout.readline().strip()
    assert len(name) == 64, process.stderr and process.stderr.read()
    return name


def test_it_runs_commands_and_goes_at_the_end_of_its_block(engine: Engine, cuddy: Cuddy) -> None:
    with Sandbox("alpine", engine=engine, network="none", name="mine") as box:
        assert (box.name, box.status) == ("mine", "running")
        assert box.exec("echo one").stdout == "one\n"
        assert box.exec(["sh", "-c", "exit 3"]).exit_code == 3
        assert box.exec("cat", input="two").stdout == "two"
        assert [each.id for each in engine.sandboxes.list()] == [box.id]
        assert engine.sandboxes.get("mine").exec("hostname").stdout == f"{box.id[:12]}\n"
    assert is_gone(cuddy)
    box.close()
    with pytest.raises(NoSuchContainer):
        box.exec("true")


def test_an_ordinary_container_is_none(engine: Engine) -> None:
    with engine.containers.create("alpine", network="none", name="plain"):
        assert engine.sandboxes.list() == []
        with pytest.raises(InvalidArgument, match="not a sandbox"):
            engine.sandboxes.get("plain")


def test_it_needs_no_program_of_its_image(engine: Engine) -> None:
    with Sandbox("alpine", engine=engine, network="none") as box:
        box.exec("rm -rf /bin /sbin /usr /lib")
        assert box.status == "running"
        box.write("/words", "still here")
        assert box.read("/words") == b"still here"


def test_it_begins_with_files(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "src/deep").mkdir(parents=True)
    (tmp_path / "src/deep/leaf").write_text("leaf")
    files = {"/app/run.sh": "echo ran", "/data/raw": b"\xff\0", "/app/src": tmp_path / "src"}
    with Sandbox("alpine", engine=engine, network="none", files=files, user="nobody") as box:
        assert box.exec("sh /app/run.sh").stdout == "ran\n"
        assert box.read("/data/raw") == b"\xff\0"
        assert box.exec("cat /app/src/deep/leaf").stdout == "leaf"
        assert box.exec("touch /app/mine").exit_code == 0, "they are its user's"


def test_directories_travel_whole(box: Sandbox, tmp_path: Path) -> None:
    box.write_all({f"/tree/{n % 7}/{n}": f"{n}" for n in range(300)})
    box.exec("ln -s /etc/passwd /tree/link")
    found = box.read_all("/tree")
    assert found == {f"{n % 7}/{n}": b"%d" % n for n in range(300)}
    box.get("/tree", tmp_path / "copy")
    assert (tmp_path / "copy/3/10").read_text() == "10"
    assert os.readlink(tmp_path / "copy/link") == "/etc/passwd"
    box.put(tmp_path / "copy", "/again")
    assert box.read_all("/again") == found
    with pytest.raises(NotFound):
        box.read_all("/nowhere")


def test_no_directory_gives_way_to_a_file(box: Sandbox) -> None:
    with pytest.raises(Conflict, match="/etc"):
        box.write("/etc", "x")
    assert b"root:" in box.read("/etc/passwd")
    box.write("/etc/passwd", "another")
    assert box.read("/etc/passwd") == b"another"


def test_no_link_leads_out_of_it(box: Sandbox, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    box.exec(["sh", "-c", f"mkdir -p {tmp_path}; ln -s {victim} /file; ln -s {tmp_path} /dir"])
    box.write("/file", "over")
    box.write("/dir/victim", "over")
    box.write("/../../x", "inside")
    assert victim.read_text() == "untouched"
    assert box.read("/x") == b"inside"
    box.exec("ln -sf /etc/hostname /secret")
    with pytest.raises(InvalidArgument):
        box.read("/secret")


def test_no_file_in_it_is_larger_than_the_programs_memory(box: Sandbox) -> None:
    box.exec("mkdir /out", check=True)
    box.exec(["truncate", "-s", str(1 << 40), "/out/hole"], check=True)
    for read in (box.read, box.read_all):
        with pytest.raises(InvalidArgument, match="more than 1073741824 bytes"):
            read("/out/hole" if read == box.read else "/out")
    box.exec("truncate -s 100000 /out/hole", check=True)
    assert box.read("/out/hole", max_bytes=0) == bytes(100_000)
    assert box.read_all("/out", max_bytes=110_000) == {"hole": bytes(100_000)}
    with pytest.raises(InvalidArgument, match="more than 90000 bytes"):
        box.read_all("/out", max_bytes=90_000)


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(box: Sandbox) -> None:
    lines = ["sh", "-c", "echo partial; echo more >&2; (setsid sleep 1000 &); sleep 1000"]
    with pytest.raises(Timeout) as caught:
        box.exec(lines, timeout=1)
    assert (caught.value.stdout, caught.value.stderr) == (b"partial\n", b"more\n")
    assert "sleep" not in str(box.top().rows)
    assert box.exec("echo next").stdout == "next\n"


def test_a_storm_of_forks_is_killed_too(box: Sandbox) -> None:
    with pytest.raises(Timeout):
        box.exec(["sh", "-c", "bomb() { bomb | bomb & }; (bomb) & exec sleep 1000"], timeout=2)
    wait_until(lambda: len(box.top().rows) == 1, what="a process of the storm is left")


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_at_all_is_no_time_for_run_and_exec(
    engine: Engine, box: Sandbox, timeout: float
) -> None:
    with pytest.raises(Timeout):
        box.exec("sleep 1000", timeout=timeout)
    with pytest.raises(Timeout):
        engine.run("alpine", "sleep 1000", network="none", timeout=timeout)


def test_want_of_memory_is_told(engine: Engine) -> None:
    with Sandbox("alpine", engine=engine, network="none", memory="32m", cpus=0.5) as box:
        assert not box.exec("true").out_of_memory
        assert box.exec("tail /dev/zero").out_of_memory
        assert not box.exec("true").out_of_memory
        usage = box.usage()
    assert usage.oom_kills >= 1
    assert usage.memory_limit_bytes == 32 << 20
    assert usage.memory_peak_bytes is None or usage.memory_peak_bytes > 16 << 20
    assert usage.cpus_limit == 0.5
    assert usage.cpu_s is None or usage.cpu_s > 0


def test_being_held_back_is_told(engine: Engine) -> None:
    with Sandbox("alpine", engine=engine, network="none", cpus=0.1) as box:
        with pytest.raises(Timeout):
            box.exec(["sh", "-c", "while :; do :; done"], timeout=1)
        usage = box.usage()
    assert usage.throttled_s and usage.throttled_periods


@pytest.mark.parametrize("settings", [
    {"ttl": 0}, {"ttl": -1}, {"ttl": 1e12}, {"entrypoint": "sh"}, {"restart": "always"},
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(
    engine: Engine, cuddy: Cuddy, settings: dict[str, Any]
) -> None:
    with pytest.raises(package.CuddyError):
        Sandbox("alpine", engine=engine, network="none", **settings)
    assert is_gone(cuddy)


def test_it_ends_when_its_time_is_up(engine: Engine, cuddy: Cuddy) -> None:
    box = Sandbox("alpine", engine=engine, network="none", ttl=1.5)
    with pytest.raises(package.CuddyError):
        box.exec("sleep 1000", timeout=60 * TIME_FACTOR, check=True)
    wait_until(lambda: is_gone(cuddy))


def test_it_ends_when_its_time_is_up_though_it_is_paused(engine: Engine, cuddy: Cuddy) -> None:
    box = Sandbox("alpine", engine=engine, network="none", ttl=2)
    box.pause()
    wait_until(lambda: is_gone(cuddy))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_program(program: Program, cuddy: Cuddy, number: signal.Signals) -> None:
    with program(BEGIN.format("") + "time.sleep(1000)") as process:
        started(process)
        process.send_signal(number)
        process.wait(60 * TIME_FACTOR)
    wait_until(lambda: is_gone(cuddy))


def test_it_does_not_need_the_process_behind_the_program(program: Program, cuddy: Cuddy) -> None:
    before = of_library()
    with program(BEGIN.format("") + "input() if False else time.sleep(1000)") as process:
        name = started(process)
        for pid in of_library() - before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: of_library() <= before)
        assert cuddy.ok("exec", name, "echo", "there") == "there"
        process.kill()
        process.wait(60 * TIME_FACTOR)
    wait_until(lambda: is_gone(cuddy))


def test_it_ends_with_the_program_though_its_monitor_sleeps(program: Program, cuddy: Cuddy) -> None:
    with program(BEGIN.format("") + "time.sleep(1000)") as process:
        name = started(process)
        pid = int(Path(f"{cuddy.run_root}/{name}/monitor").read_text().split()[0])
        wait_until(lambda: sleeps(pid))
        process.kill()
        process.wait(60 * TIME_FACTOR)
    wait_until(lambda: is_gone(cuddy))


def test_time_passes_while_its_monitor_sleeps(engine: Engine, cuddy: Cuddy) -> None:
    box = Sandbox("alpine", engine=engine, network="none", ttl=8)
    pid = int(Path(f"{cuddy.run_root}/{box.id}/monitor").read_text().split()[0])
    wait_until(lambda: sleeps(pid))
    wait_until(lambda: is_gone(cuddy))


def test_one_that_is_kept_goes_on_without_the_program(program: Program, cuddy: Cuddy) -> None:
    with program(BEGIN.format(", keep=True")) as process:
        name = started(process)
        process.wait(60 * TIME_FACTOR)
    assert cuddy.ok("exec", name, "echo", "there") == "there"
    cuddy.ok("rm", "-f", name)


def test_programs_with_an_event_loop_await_it(engine: Engine, cuddy: Cuddy) -> None:
    async def main() -> list[str]:
        async with (
            aio.Engine(root=cuddy.root, run_root=cuddy.run_root) as mine,
            aio.Sandbox("alpine", engine=mine, network="none") as box,
        ):
            await box.write("/words", "one")
            awaited = await aio.Sandbox("alpine", engine=mine, network="none")
            results = await asyncio.gather(box.exec("cat /words"), awaited.exec("echo two"))
            with pytest.raises(Timeout):
                await box.exec("sleep 1000", timeout=0)
            await awaited.close()
            return [result.stdout.strip() for result in results]

    assert asyncio.run(main()) == ["one", "two"]
    assert is_gone(cuddy)


def test_it_is_there_in_less_than_a_moment(engine: Engine) -> None:
    began = time.monotonic()
    with Sandbox("alpine", engine=engine, network="none") as box:
        box.exec("true")
    assert time.monotonic() - began < 30 * TIME_FACTOR
