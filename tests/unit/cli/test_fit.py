"""Tables at a terminal: columns give way in their order, names never."""

from __future__ import annotations

from cuddy.cli import fit, table
from cuddy.cli.table import Elastic
from cuddy.cli.width import width

FIELDS = ("Id", "Image", "Command", "Name")
TITLES = ["ID", "IMAGE", "COMMAND", "NAME"]
ELASTIC = (Elastic("Command", 8, "quoted"), Elastic("Image", 8, "start"))
ROW = ["0123456789ab", "registry.example.com/team/app:1", '"sleep 100000 100…"', "a_long_name"]


def shown(columns: int, *rows: list[str]) -> list[str]:
    fitted = fit.fit([TITLES, *rows], FIELDS, ELASTIC, columns)
    text = table.lay_out(fitted.rows, gutter=fitted.gutter, narrowest=fitted.narrowest)
    return text.splitlines()


def test_what_fits_stays_as_it_is() -> None:
    assert "   ".join(ROW) in shown(100, ROW)


def test_blanks_give_way_before_anything_is_cut() -> None:
    assert "  ".join(ROW) in shown(80, ROW)


def test_the_command_gives_way_first() -> None:
    assert shown(72, ROW)[1] == (
        '0123456789ab  registry.example.com/team/app:1  "sleep 100…"  a_long_name'
    )


def test_an_image_keeps_its_end() -> None:
    assert shown(57, ROW)[1] == '0123456789ab  …mple.com/team/app:1  "sleep…"  a_long_name'


def test_at_last_the_blanks_between_go_and_names_stay() -> None:
    line = shown(42, ROW)[1]
    assert line == '0123456789ab …m/app:1 "sleep…" a_long_name'
    assert shown(20, ROW)[1].endswith(" a_long_name")


def test_wide_characters_are_counted_and_not_cut_in_half() -> None:
    lines = shown(48, ["0123456789ab", "alpine", '"日本語日本語日本語日"', "x"])
    assert width(lines[1]) <= 48
    assert "…" in lines[1]
