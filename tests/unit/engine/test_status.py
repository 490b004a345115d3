"""The STATUS column of `ps`: the words are docker/go-units'."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy import files
from cuddy.engine import container, status

MINUTE, HOUR, DAY = 60, 3600, 86400
NOW = files.parse_time("2026-03-01T12:00:00.5Z")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Less than a second"), (0.99, "Less than a second"), (1, "1 second"),
        (59.9, "59 seconds"), (MINUTE, "About a minute"), (119, "About a minute"),
        (2 * MINUTE, "2 minutes"), (HOUR - 1, "59 minutes"), (HOUR, "About an hour"),
        (1.4 * HOUR, "About an hour"), (1.5 * HOUR, "2 hours"), (47 * HOUR, "47 hours"),
        (2 * DAY, "2 days"), (13 * DAY, "13 days"), (14 * DAY, "2 weeks"), (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"), (729 * DAY, "24 months"), (730 * DAY, "2 years"),
        (-5, "Less than a second"),
    ],
)  # fmt: skip
def test_a_duration_has_one_unit(seconds: float, text: str) -> None:
    assert status.duration_text(seconds) == text


def state(**changes: Any) -> Any:
    return container.initial_state() | changes


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "Created"),
        ({"Running": True, "StartedAt": "2026-03-01T11:57:00Z"}, "Up 3 minutes"),
        (
            {"Running": True, "Paused": True, "StartedAt": "2026-03-01T11:57:00Z"},
            "Up 3 minutes (Paused)",
        ),
        (
            {
                "Status": "exited", "ExitCode": 137, "StartedAt": "2026-03-01T00:00:00Z",
                "FinishedAt": "2026-03-01T10:00:00Z",
            },
            "Exited (137) 2 hours ago",
        ),
        ({"Status": "created", "ExitCode": 127, "Error": "x"}, "Created"),
        (
            {
                "Running": True, "Restarting": True, "ExitCode": 1, "Status": "restarting",
                "StartedAt": "2026-03-01T11:00:00Z", "FinishedAt": "2026-03-01T11:59:30Z",
            },
            "Restarting (1) 30 seconds ago",
        ),
        ({"Status": "removing"}, "Removal In Progress"),
        ({"Status": "dead", "Dead": True}, "Dead"),
        *(
            (
                {
                    "Running": True, "StartedAt": "2026-03-01T11:57:00Z", "Paused": paused,
                    "Health": {"Status": health},
                },
                f"Up 3 minutes{words}",
            )
            for health, paused, words in (
                ("starting", False, " (health: starting)"), ("healthy", False, " (healthy)"),
                ("unhealthy", False, " (unhealthy)"), ("none", False, ""),
                ("healthy", True, " (Paused)"),
            )
        ),
    ],
)  # fmt: skip
def test_a_state_reads_as_docker_s(given: dict[str, Any], text: str) -> None:
    assert status.status_text(state(**given), NOW) == text
