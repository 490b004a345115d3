"""What probes make of a container, and how the user's wishes and the image's come together."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import health
from cuddy.engine.health import MS, SECOND, Result
from cuddy.engine.options import ContainerOptions
from cuddy.errors import InvalidArgument


def config(**check: Any) -> dict[str, Any]:
    return {"Healthcheck": {"Test": ["CMD", "true"], **check}}


def after(codes: str, *, elapsed_ns: int = 0, **check: Any) -> tuple[str, int]:
    """Status and streak after probes that ended with these digits."""
    found: dict[str, Any] = {"Status": "starting", "FailingStreak": 0, "Log": []}
    for code in codes:
        found = health.judge(found, config(**check), Result("s", "e", int(code), ""), elapsed_ns)
    return found["Status"], found["FailingStreak"]


class TestJudge:
    @pytest.mark.parametrize(
        ("codes", "status", "streak"),
        [
            ("", "starting", 0), ("0", "healthy", 0), ("1", "starting", 1), ("11", "starting", 2),
            ("111", "unhealthy", 3), ("1110", "healthy", 0), ("01", "healthy", 1),
            ("0222", "unhealthy", 3), ("11011", "healthy", 2),
        ],
    )  # fmt: skip
    def test_three_failures_in_a_row_are_too_many(
        self, codes: str, status: str, streak: int
    ) -> None:
        assert after(codes) == (status, streak)

    def test_the_number_can_be_chosen(self) -> None:
        assert after("1", Retries=1) == ("unhealthy", 1)

    def test_failures_of_the_start_period_do_not_count(self) -> None:
        assert after("1111", elapsed_ns=SECOND, StartPeriod=2 * SECOND) == ("starting", 0)
        assert after("1111", elapsed_ns=2 * SECOND, StartPeriod=2 * SECOND)[0] == "unhealthy"

    def test_but_they_do_once_it_was_healthy(self) -> None:
        assert after("0111", elapsed_ns=SECOND, StartPeriod=2 * SECOND) == ("unhealthy", 3)

    def test_the_last_five_results_are_kept(self) -> None:
        found: dict[str, Any] = {"Status": "starting", "FailingStreak": 0, "Log": None}
        for code in range(7):
            found = health.judge(found, config(), Result("s", "e", code, "out"), 0)
        assert [entry["ExitCode"] for entry in found["Log"]] == [2, 3, 4, 5, 6]
        assert found["Log"][0] == {"Start": "s", "End": "e", "ExitCode": 2, "Output": "out"}


class TestDelay:
    def test_the_default_is_half_a_minute(self) -> None:
        assert health.delay_ns(config(), "starting", 0) == 30 * SECOND

    def test_while_it_starts_it_is_asked_more_often(self) -> None:
        check = config(Interval=9 * SECOND, StartPeriod=3 * SECOND, StartInterval=SECOND)
        assert health.delay_ns(check, "starting", 2 * SECOND) == SECOND
        assert health.delay_ns(check, "starting", 3 * SECOND) == 9 * SECOND
        assert health.delay_ns(check, "healthy", 2 * SECOND) == 9 * SECOND

    @pytest.mark.parametrize("value", [0, -1, 1 << 80, None, "x"])
    def test_an_image_may_say_what_it_likes(self, value: Any) -> None:
        assert 0 < health.delay_ns(config(Interval=value), "healthy", 0) <= health.LONGEST_NS


class TestSettings:
    IMAGE = {"Healthcheck": {"Test": ["CMD", "probe"], "Interval": SECOND, "Retries": 7}}

    def settings(self, image: dict[str, Any] | None = None, **options: Any) -> Any:
        wanted = ContainerOptions("image", **options)
        health.check(wanted)
        return health.settings(wanted, self.IMAGE if image is None else image).get("Healthcheck")

    def test_the_images_check_is_taken(self) -> None:
        assert self.settings() == self.IMAGE["Healthcheck"]

    def test_the_user_replaces_parts(self) -> None:
        found = self.settings(health_cmd="x y", health_interval=2 * MS)
        wanted = {"Test": ["CMD-SHELL", "x y"], "Interval": 2 * MS, "Retries": 7}
        assert found == wanted

    def test_without_any_there_is_none(self) -> None:
        assert self.settings({}) is None

    def test_it_can_be_switched_off(self) -> None:
        assert self.settings(no_healthcheck=True) == {"Test": ["NONE"]}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"no_healthcheck": True, "health_cmd": "x"},
             "--no-healthcheck conflicts with --health-* options"),
            ({"health_interval": -1}, "--health-interval cannot be negative"),
            ({"health_retries": -1}, "--health-retries cannot be negative"),
            ({"health_timeout": 1000}, "Timeout in Healthcheck cannot be less than 1ms"),
            ({"health_start_period": 1000}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_in_dockers_words(
        self, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InvalidArgument) as caught:
            self.settings(**options)
        assert caught.value.message == message


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (["CMD", "a", "b"], ["a", "b"]), (["CMD-SHELL", "a b"], ["/bin/sh", "-c", "a b"]),
        (["NONE"], []), (["CMD"], []), (["CMD-SHELL"], []), ([], []), (["OTHER", "x"], []),
    ],
)  # fmt: skip
def test_the_probes_words(test: list[str], words: list[str]) -> None:
    assert health.command({"Healthcheck": {"Test": test}}) == words


def test_the_images_shell_runs_it() -> None:
    own = {"Shell": ["/bin/ash", "-ec"], "Healthcheck": {"Test": ["CMD-SHELL", "x"]}}
    assert health.command(own) == ["/bin/ash", "-ec", "x"]
    assert health.command({"Healthcheck": None}) == health.command({}) == []


class TestOutput:
    def test_it_is_cut(self) -> None:
        assert health.output_text(b"x" * 4096) == "x" * 4096
        assert health.output_text(b"x" * 5000) == "x" * 4096 + "..."

    def test_what_is_no_text_is_replaced(self) -> None:
        assert health.output_text(b"\xff\n") == "\ufffd\n"

    def test_a_timeout_is_told_first(self) -> None:
        assert health.output_text(b"", timed_out_ns=90 * SECOND) == (
            "Health check exceeded timeout (1m30s)"
        )
        assert health.output_text(b"so far", timed_out_ns=SECOND).endswith("(1s): so far")


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1, "1ns"), (1500, "1.5µs"), (300 * MS, "300ms"), (SECOND, "1s"), (1500 * MS, "1.5s"),
        (60 * SECOND, "1m0s"), (5400 * SECOND, "1h30m0s"), (0, "0ns"),
    ],
)  # fmt: skip
def test_durations_are_gos(nanoseconds: int, text: str) -> None:
    assert health.go_duration(nanoseconds) == text
