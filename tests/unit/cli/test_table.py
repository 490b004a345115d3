"""Tables come out as docker's, to the blank; expectations were taken from docker 28.2.2."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cuddy.cli import table
from cuddy.cli.table import Listing
from cuddy.cli.template import Unfit

LISTING = Listing(
    headers={
        "Name": "NAME",
        "Description": "DESCRIPTION",
        "DockerEndpoint": "DOCKER ENDPOINT",
        "Error": "ERROR",
    },
    columns=("Name", "Description", "DockerEndpoint", "Error"),
    identity="Name",
)
ROWS: list[dict[str, Any]] = [
    {
        "Name": "averyveryverylongnamehere",
        "Description": "",
        "DockerEndpoint": "tcp://1.2.3.4:5",
        "Error": "",
        "Label": lambda name: name,
    },
    {
        "Name": "t1",
        "Description": "日本語 desc",
        "DockerEndpoint": "unix:///x",
        "Error": "",
        "Label": lambda name: name,
    },
]


def show(form: str, **options: Any) -> list[str]:
    return table.render(LISTING, ROWS, form=form, **options).split("\n")


@pytest.mark.parametrize("form", ["", "table"])
def test_the_default_table(form: str) -> None:
    assert show(form) == [
        "NAME                        DESCRIPTION   DOCKER ENDPOINT   ERROR",
        "averyveryverylongnamehere                 tcp://1.2.3.4:5   ",
        "t1                          日本語 desc   unix:///x         ",
        "",
    ]


def test_a_column_is_at_least_ten_wide_and_the_last_one_is_not_filled() -> None:
    assert table.align(["PORTS\tNAMES", "\tx"]) == "PORTS     NAMES\n          x\n"


def test_a_table_template_has_a_header_of_its_own() -> None:
    assert show(r"table {{.Name}}\t{{upper .Name}}\t{{.Error}}") == [
        "NAME                        NAME                        ERROR",
        "averyveryverylongnamehere   AVERYVERYVERYLONGNAMEHERE   ",
        "t1                          T1                          ",
        "",
    ]


def test_functions_of_docker_leave_a_header_alone_and_those_of_go_do_not() -> None:
    assert show('table {{json .Name}} {{printf "%q" .Name}} {{len .Name}}')[0] == 'NAME "NAME" 4'


def test_columns_are_as_wide_as_their_neighbours_need() -> None:
    lines = ["NAME\t\tend", "averyveryverylongnamehere\t\tend", "t1\tx\ty\tz\t\tend"]
    assert table.align(lines) == (
        "NAME                                  end\n"
        "averyveryverylongnamehere             end\n"
        "t1                          x         y         z                   end\n"
    )


def test_json_is_one_object_a_line_with_sorted_keys() -> None:
    wanted = '{"Description":"日本語 desc","DockerEndpoint":"unix:///x","Error":"","Name":"t1"}'
    assert show("json")[1] == wanted
    assert show("{{json .}}")[1] == wanted


def test_rows_as_json_are_safe_in_html_and_single_fields_are_not() -> None:
    rows = [{"Name": "<a&b>\u2028", "Label": lambda name: name}]
    assert table.render(LISTING, rows, form="json") == (
        '{"Name":"\\u003ca\\u0026b\\u003e\\u2028"}\n'
    )
    assert table.render(LISTING, rows, form="{{json .Name}}") == '"<a&b>\\u2028"\n'


def test_a_value_of_two_lines_ends_its_columns_there() -> None:
    rows = [{"Name": "a", "Description": "one\ntwo", "DockerEndpoint": "x", "Error": ""}]
    assert table.render(LISTING, rows, form="").split("\n") == [
        "NAME      DESCRIPTION   DOCKER ENDPOINT   ERROR",
        "a         one",
        "two       x         ",
        "",
    ]


def test_a_plain_template_is_one_line_for_each_row() -> None:
    assert show("{{.Name}}") == ["averyveryverylongnamehere", "t1", ""]
    assert show(r"a\tb\n") == ["a\tb", "", "a\tb", "", ""]
    assert show("raw") == ["raw", "raw", ""]


def test_quiet_shows_what_names_a_row() -> None:
    assert show("", quiet=True) == ["averyveryverylongnamehere", "t1", ""]


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(Unfit, match='executing "" at <.Foo>'):
        show("table {{.Foo}}")


def test_a_terminal_is_not_sent_what_a_name_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"Name": "a\x1b]0;mine\x07b", "Label": lambda name: "\x9b31m"}]
    monkeypatch.setattr(os, "isatty", lambda fd: True)
    shown = table.render(LISTING, rows, form='{{.Name}} {{.Label "x"}}')
    assert shown == "a\\x1b]0;mine\\ab \\u009b31m\n"
    monkeypatch.setattr(os, "isatty", lambda fd: False)
    assert table.render(LISTING, rows, form="{{.Name}}") == "a\x1b]0;mine\x07b\n"
