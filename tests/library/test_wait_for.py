"""Waiting until a container is ready: by its ports, what it says, its health."""

from __future__ import annotations

import re
import socket
import time

import pytest

import netns
from cuddy import Engine
from cuddy.engine.options import ContainerOptions
from cuddy.errors import InvalidArgument, NotReady, NotRunning
from cuddy.library.container import Container


def box(engine: Engine, script: str, **settings: str) -> Container:
    options = ContainerOptions("", log_driver=settings.get("log_driver", ""))
    words = ["sh", "-c", script]
    return engine.containers.run("alpine", words, network="none", init=True, options=options)


def test_a_port_is_ready_when_somebody_listens_there(engine: Engine) -> None:
    with box(engine, "sleep 0.5; nc -l -p 80; sleep 1000") as container:
        with netns.echoing(container.attrs["State"]["Pid"], 53):
            assert container.wait_for(port=[80, "53/udp"]) is container
        assert container.exec("nc 127.0.0.1 80", input="").exit_code == 0


def test_nothing_is_sent_to_the_port(engine: Engine) -> None:
    with box(engine, "nc -l -p 80; echo gone") as container:
        container.wait_for(port="80/tcp")
        with pytest.raises(NotReady):
            container.wait_for(log="gone", timeout=0.3)


def test_a_port_on_its_own_loopback_is_ready_for_nobody_else(engine: Engine) -> None:
    with engine.containers.run("alpine", "sleep 1000", init=True) as container:
        with netns.entered(container.attrs["State"]["Pid"]):
            server = socket.create_server(("127.0.0.1", 80))
        with server, pytest.raises(NotReady, match=r"on 127\.0\.0\.1 only"):
            container.wait_for(port=80, timeout=1)


def test_a_line_of_the_log_may_be_a_text_or_a_pattern(engine: Engine) -> None:
    with box(engine, "echo one; sleep 0.3; echo 'now [ready] 17'; sleep 1000") as container:
        container.wait_for(log="[ready]")
        container.wait_for(log=re.compile(r"READY. \d+$", re.IGNORECASE))


def test_a_last_line_without_an_end_counts(engine: Engine) -> None:
    with box(engine, "printf 'all done'") as container:
        container.wait_for(log="all done")


def test_what_an_earlier_life_has_said_does_not_count(engine: Engine) -> None:
    script = "test -e /again && sleep 1000; touch /again; echo ready"
    with box(engine, script) as container:
        container.wait_for(log="ready")
        container.wait()
        container.start()
        with pytest.raises(NotReady):
            container.wait_for(log="ready", timeout=0.3)


def test_health_is_what_its_check_says(engine: Engine) -> None:
    options = ContainerOptions("", health_cmd="test -e /ready", health_interval=10**8)
    script = ["sh", "-c", "sleep 0.5; touch /ready; sleep 1000"]
    with engine.containers.run("alpine", script, network="none", init=True, options=options) as box:
        box.wait_for(healthy=True)
        assert box.attrs["State"]["Health"]["Status"] == "healthy"


def test_the_last_words_of_a_check_are_shown(engine: Engine) -> None:
    options = ContainerOptions("", health_cmd="echo not yet; false", health_interval=10**8)
    box = engine.containers.run("alpine", "sleep 99", network="none", init=True, options=options)
    with box, pytest.raises(NotReady, match="its last check said: not yet"):
        box.wait_for(healthy=True, timeout=2)


@pytest.mark.parametrize("wanted", [{"port": 80}, {"log": "never"}])
def test_whoever_waits_for_one_that_ends_hears_its_last_words(
    engine: Engine, wanted: dict[str, str]
) -> None:
    with box(
        engine, "echo fine; sleep 0.3; printf 'broken \\033[31mhere' >&2; exit 3"
    ) as container:
        began = time.monotonic()
        with pytest.raises(NotReady) as caught:
            container.wait_for(timeout=200, **wanted)
        assert time.monotonic() - began < 100
    assert f"container {container.name} is not ready and ended with exit code 3" in str(
        caught.value
    )
    assert str(caught.value).endswith("    fine\n    broken \\x1b[31mhere")
    assert caught.value.status == 3


def test_time_is_up_with_the_last_words_too(engine: Engine) -> None:
    with box(engine, "seq 100; sleep 1000") as container:
        container.wait_for(log="100")
        with pytest.raises(NotReady) as caught:
            container.wait_for(port=80, timeout=0.3)
    assert "is not ready after 0.3 seconds: nobody in it listens at port 80/tcp" in str(
        caught.value
    )
    assert caught.value.excerpt.split() == [str(number) for number in range(91, 101)]
    assert caught.value.status is None


def test_what_can_never_be_is_said_at_once(engine: Engine) -> None:
    never_started = engine.containers.create("alpine", "true", network="none")
    with never_started, pytest.raises(NotRunning):
        never_started.wait_for(port=80)
    with box(engine, "sleep 1000", log_driver="none") as container:
        with pytest.raises(InvalidArgument, match="has no health check"):
            container.wait_for(healthy=True)
        with pytest.raises(InvalidArgument, match="does not support reading"):
            container.wait_for(log="x")
        with pytest.raises(InvalidArgument, match="'http' is no port"):
            container.wait_for(port="http")
