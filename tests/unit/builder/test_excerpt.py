from __future__ import annotations

from cuddy.builder import excerpt
from cuddy.builder.instructions import Place

LINES = ["FROM alpine", "", "RUN a \\", "    b", "CMD sh", "EXPOSE 80", "USER me"]


def test_an_instruction_is_marked_with_what_stands_around_it() -> None:
    assert excerpt.around("Dockerfile", LINES, Place(3, 4)) == (
        "Dockerfile:3\n"
        "--------------------\n"
        "   1 |     FROM alpine\n"
        "   2 |\n"
        "   3 | >>> RUN a \\\n"
        "   4 | >>>     b\n"
        "   5 |     CMD sh\n"
        "   6 |     EXPOSE 80\n"
        "--------------------"
    )


def test_the_first_and_the_last_line_have_less_around_them() -> None:
    assert excerpt.around("D", LINES[:1], Place(1, 1)).count("\n") == 3
    assert "USER" in excerpt.around("D", LINES, Place(7, 7))


def test_a_very_long_instruction_is_shown_in_part() -> None:
    lines = ["RUN true \\"] * 100_000
    assert excerpt.around("D", lines, Place(1, 100_000)).count("\n") < 40
