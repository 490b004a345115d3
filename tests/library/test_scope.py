"""Scopes: what is made through one goes with it, however that ends."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable

import pytest

from console import TIME_FACTOR, Cuddy, wait_until
from cuddy import Engine, aio
from cuddy.errors import NoSuchNetwork, NoSuchVolume

Program = Callable[[str], subprocess.Popen[str]]
SLEEP = ["sleep", "1000"]
MAKE = """
with cuddy.Engine() as engine, engine.scope() as scope:
    scope.networks.create("scoped"), scope.volumes.create("scoped")
    for number in range(2):
        scope.containers.run("alpine", "sleep 1000", network="scoped", volumes={"scoped": "/v"})
    print("ready", flush=True)
    time.sleep(1000)
"""


def is_clear(cuddy: Cuddy) -> bool:
    found = cuddy.ok("ps", "-aq"), cuddy.ok("volume", "ls", "-q"), cuddy.ok("network", "ls", "-q")
    return found[:2] == ("", "") and len(found[2].split()) == 3


def test_what_is_made_through_it_goes_at_the_end_of_the_block(engine: Engine) -> None:
    with engine.containers.run("alpine", SLEEP, network="none", init=True) as other:
        with engine.scope() as scope:
            network, volume = scope.networks.create("scoped"), scope.volumes.create("scoped")
            made = scope.containers.run(
                "alpine", SLEEP, network="scoped", volumes={"scoped": "/v"}, labels={"own": "1"}
            )
            assert made.labels == {"own": "1", "cuddy.scope": scope.name}
            assert scope.run("alpine", "echo hi", network="none").stdout == "hi\n"
            scope.containers.create("alpine", network="none")
        assert [each.id for each in engine.containers.list(all=True)] == [other.id]
        with pytest.raises(NoSuchNetwork):
            engine.networks.get(network.id)
        with pytest.raises(NoSuchVolume):
            engine.volumes.get(volume.name)


def test_what_somebody_has_removed_already_is_no_trouble(engine: Engine) -> None:
    with engine.scope() as scope:
        scope.containers.run("alpine", "true", network="none").remove(force=True)
        scope.networks.create("scoped").remove()


def test_settings_of_a_scope_are_those_of_its_containers(engine: Engine) -> None:
    with engine.scope(network="none", memory="64m", env={"A": "1", "B": "1"}) as scope:
        box = scope.containers.run("alpine", "env", env={"B": "2"})
        box.wait_for(log="B=2").wait_for(log="A=1")
        assert box.attrs["HostConfig"]["Memory"] == 64 << 20
        with scope.scope(memory="32m") as inner:
            words = ["sh", "-c", "echo $A"]
            assert inner.run("alpine", words).stdout == "1\n"
            assert inner.containers.create("alpine").attrs["HostConfig"]["Memory"] == 32 << 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_program(program: Program, cuddy: Cuddy, number: signal.Signals) -> None:
    with program(MAKE) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        process.wait(60 * TIME_FACTOR)
    wait_until(lambda: is_clear(cuddy), what="something left")


def test_what_is_left_by_one_whose_keeper_was_killed_goes_with_the_next(
    engine: Engine, program: Program, cuddy: Cuddy
) -> None:
    text = """
import signal
from cuddy.engine import scopes
with cuddy.Engine() as engine:
    scope = engine.scope()
    scope.containers.run("alpine", "sleep 1000", network="none")
    os.kill(int(scope.name.split("-")[0]), signal.SIGKILL)
    print("done")
"""
    with program(text) as process:
        out, err = process.communicate(timeout=60 * TIME_FACTOR)
        assert out == "done\n", err
    assert cuddy.ok("ps", "-q") != ""
    with engine.scope():
        assert cuddy.ok("ps", "-aq") == ""


def test_scopes_of_event_loops_end_as_well(engine: Engine, cuddy: Cuddy) -> None:
    async def main() -> None:
        async with aio.Engine(root=cuddy.root, run_root=cuddy.run_root) as own:
            async with await own.scope(network="none") as scope:
                box = await scope.containers.run("alpine", SLEEP)
                assert box.labels == {"cuddy.scope": scope.name}
            assert await own.containers.list(all=True) == []

    asyncio.run(main())


def test_the_end_of_no_scope_is_nobodys(engine: Engine) -> None:
    with engine.containers.create("alpine", network="none") as box, engine.scope() as scope:
        scope.name, name = "", scope.name
        scope.close()
        assert [each.id for each in engine.containers.list(all=True)] == [box.id]
        scope.name = name


def test_no_image_puts_its_containers_into_a_scope(engine: Engine) -> None:
    labels = {name: f"{pid}-1-aa.tmp" for name, pid in (("gone", "1"), ("long", "1" * 300))}
    for name, scope in labels.items():
        engine.containers.create(
            "alpine", network="none", labels={"own": "1", "cuddy.scope": scope}
        ).commit(name)
    with engine.scope():
        assert len(engine.containers.list(all=True)) == 1  # whose label is no scope's name
    for each in engine.containers.list(all=True):
        each.remove()
    made = engine.containers.create("gone", "true", network="none")
    with engine.scope():
        assert [each.id for each in engine.containers.list(all=True)] == [made.id]
    assert made.labels == {"own": "1"}
    own = engine.containers.create("gone", network="none", labels={"cuddy.scope": "mine"})
    assert own.labels == {"own": "1", "cuddy.scope": "mine"}
