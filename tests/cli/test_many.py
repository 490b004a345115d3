"""A hundred containers: together, in a loop, and from several clients at once."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from console import Cuddy, monitor_of, wait_until


@pytest.mark.slow
def test_a_hundred_at_once_and_gone_without_a_leak(cuddy: Cuddy) -> None:
    ids = [cuddy.ok("run", "-d", "alpine", "sleep", "1000") for _ in range(100)]
    assert len(cuddy.ok("ps", "-q").split()) == 100
    addresses = {cuddy.field(found, "{{.NetworkSettings.IPAddress}}") for found in ids[::10]}
    assert len(addresses) == 10
    assert cuddy.ok("exec", ids[50], "echo", "alive") == "alive"
    removed = cuddy.ok("rm", "-f", *ids, timeout=120)
    assert removed.split() == ids
    assert cuddy.ok("ps", "-aq") == ""


@pytest.mark.slow
def test_thirty_one_after_the_other(cuddy: Cuddy) -> None:
    for number in range(30):
        assert cuddy.ok("run", "--rm", "alpine", "echo", number) == str(number)


def test_eight_clients_at_the_same_time(cuddy: Cuddy) -> None:
    with ExitStack() as stack:
        clients = [
            stack.enter_context(cuddy.start("run", "--rm", "alpine", "echo", number))
            for number in range(8)
        ]
        for number, client in enumerate(clients):
            out, err = client.communicate(timeout=60)
            assert (out, err, client.returncode) == (f"{number}\n".encode(), b"", 0)


def test_of_eight_that_want_one_name_one_gets_it(cuddy: Cuddy) -> None:
    with ExitStack() as stack:
        words = ["create", "--name", "wanted", "alpine"]
        clients = [stack.enter_context(cuddy.start(*words)) for _ in range(8)]
        for client in clients:
            client.communicate(timeout=60)
        codes = sorted(client.returncode for client in clients)
    assert codes[0] == 0
    assert set(codes[1:]) == {125} or set(codes[1:]) == {1}
    assert len(cuddy.ok("ps", "-aq").split()) == 1


def test_starting_and_stopping_one_from_many_sides(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "busy", "alpine", "sleep", "1000")
    with ExitStack() as stack:
        verbs = ["start", "kill", "start", "rm", "start", "inspect", "start", "kill"]
        clients = [stack.enter_context(cuddy.start(verb, "busy")) for verb in verbs]
        for client in clients:
            _, err = client.communicate(timeout=60)
            assert b"Traceback" not in err
            assert b"bug in cuddy" not in err
            assert client.returncode in (0, 1)


@pytest.mark.slow
def test_a_running_container_costs_little_memory(cuddy: Cuddy) -> None:
    """What the monitors have once they sleep; the budget is for a hundred, see `make bench`."""
    names = [f"small{number}" for number in range(10)]
    for name in names:
        cuddy.ok("run", "-d", "--name", name, "alpine", "sleep", "1000")
    monitors = [monitor_of(cuddy, name) for name in names]
    wait_until(lambda: sum(map(memory_kb, monitors)) / len(monitors) < 3072)


def memory_kb(pid: int) -> int:
    """Proportional set size of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
