"""Restart policies: Docker's rules, one line each."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import burial, container, restart_policy
from cuddy.engine.burial import End
from cuddy.errors import InvalidArgument

NOW = "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "name", "most"),
    [
        ("", "no", 0), ("no", "no", 0), ("always", "always", 0), ("always:0", "always", 0),
        ("unless-stopped", "unless-stopped", 0), ("on-failure", "on-failure", 0),
        ("on-failure:", "on-failure", 0), ("on-failure:3", "on-failure", 3),
    ],
)  # fmt: skip
def test_a_policy_is_read_as_docker_does(text: str, name: str, most: int) -> None:
    assert restart_policy.parse(text) == {"Name": name, "MaximumRetryCount": most}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (":3", "invalid restart policy format: no policy provided before colon"),
        ("on-failure:x", "invalid restart policy format: maximum retry count must be an integer"),
        ("on-failure:-1", "invalid restart policy: maximum retry count cannot be negative"),
        ("always:2",
         "invalid restart policy: maximum retry count can only be used with 'on-failure'"),
        ("always:-2",
         "invalid restart policy: maximum retry count can only be used with 'on-failure' "
         "and cannot be negative"),
        ("sometimes",
         "invalid restart policy: unknown policy 'sometimes'; "
         "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"),
    ],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused_in_docker_s_words(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        restart_policy.parse(text)
    assert caught.value.message == words


def lives(text: str, *ends: End, **before: Any) -> Any:
    """The status after a container with that policy has ended so, one time after the other."""
    status: Any = {"State": container.initial_state(), **before}
    for end in ends:
        burial.note_end(status, restart_policy.parse(text), end, NOW)
    return status


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("no", 1, "exited"), ("always", 0, "restarting"), ("always", 1, "restarting"),
        ("unless-stopped", 0, "restarting"), ("on-failure", 0, "exited"),
        ("on-failure", 1, "restarting"),
    ],
)  # fmt: skip
def test_which_end_is_followed_by_another_life(text: str, code: int, status: str) -> None:
    assert lives(text, End(code))["State"]["Status"] == status


@pytest.mark.parametrize("text", ["always", "unless-stopped", "on-failure"])
@pytest.mark.parametrize("who", ["user", "system"])
def test_what_somebody_stopped_stays_stopped(text: str, who: str) -> None:
    assert lives(text, End(1), StopAskedBy=who)["State"]["Status"] == "exited"


def test_restarting_reads_as_in_docker() -> None:
    state = lives("always", End(7, out_of_memory=True))["State"]
    assert state == container.initial_state() | {
        "Status": "restarting", "Running": True, "Restarting": True, "Pid": 0, "ExitCode": 7,
        "OOMKilled": True, "FinishedAt": NOW,
    }  # fmt: skip


def test_the_wait_doubles_up_to_a_minute() -> None:
    waits = [lives("always", *[End(1)] * count)["RestartDelay"] for count in range(1, 13)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60]


def test_the_wait_begins_anew_after_ten_seconds_of_life() -> None:
    short = End(1, ran_s=9.9)
    assert lives("always", short, short, short)["RestartDelay"] == 0.4
    assert lives("always", short, short, End(1, ran_s=10))["RestartDelay"] == 0.1


def test_on_failure_gives_up_after_so_many_restarts() -> None:
    failed = End(1)
    assert lives("on-failure:2", failed, failed)["State"]["Status"] == "restarting"
    status = lives("on-failure:2", failed, failed, failed)
    assert (status["State"]["Status"], status["RestartCount"]) == ("exited", 2)
