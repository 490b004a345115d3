"""One row of `ps`, as docker prints it."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy import files
from cuddy.cli import table
from cuddy.cli.container import ps
from cuddy.engine import container
from cuddy.engine.container import Container

NOW = files.parse_time("2024-07-01T12:00:00Z")


def make(**changes: Any) -> Container:
    state = {"Status": "running", "Running": True, "StartedAt": "2024-07-01T11:55:00.0Z"}
    found: Any = {
        "Id": "0123456789abcdef" * 4,
        "Name": "/able_cook",
        "Created": "2024-07-01T10:00:00.000000000Z",
        "Path": "sh",
        "Args": ["-c", "while true; do date; done"],
        "Image": "sha256:" + "ab" * 32,
        "State": container.initial_state() | state,
        "Config": {"Image": "alpine:3.15", "Labels": {"b": "2", "a": "1"}},
        "HostConfig": {"NetworkMode": "bridge"},
        "Mounts": [{"Type": "bind", "Source": "/a/very/long/source", "Destination": "/x"}],
    }
    return found | changes


def test_the_table_is_dockers() -> None:
    rows = [ps._row(make(), NOW, full=False)]
    assert table.render(ps.LISTING, rows, form="") == (
        "CONTAINER ID   IMAGE         COMMAND                  CREATED       STATUS         "
        "PORTS     NAMES\n"
        '0123456789ab   alpine:3.15   "sh -c \'while true; …"   2 hours ago   Up 5 minutes   '
        "          able_cook\n"
    )


def test_nothing_is_cut_on_request() -> None:
    row = ps._row(make(), NOW, full=True)
    assert row["ID"] == "0123456789abcdef" * 4
    assert row["Command"] == "\"sh -c 'while true; do date; done'\""


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ("alpine", "alpine"),
        ("alpine@sha256:" + "ab" * 32, "alpine"),
        ("ab" * 10, "ab" * 6),
        ("sha256:" + "ab" * 32, "ab" * 6),
        ("abc", "abc"),
        ("", "<no image>"),
    ],
)
def test_images_are_shown_by_name_or_short_id(image: str, shown: str) -> None:
    record = make(Config={"Image": image, "Labels": None})
    assert ps._row(record, NOW, full=False)["Image"] == shown


def test_a_command_cannot_speak_to_the_terminal() -> None:
    record = make(Path="\x1b[2J", Args=["a\nb", '"'])
    assert ps._row(record, NOW, full=False)["Command"] == '"\\x1b[2J a\\nb \\""'


def test_templates_have_all_fields() -> None:
    row = ps._row(make(), NOW, full=False) | ps._further_fields(make(), full=False)
    form = '{{.State}}|{{.Labels}}|{{.Label "a"}}|{{.Label "z"}}|{{.Mounts}}|{{.Networks}}'
    assert table.render(ps.LISTING, [row], form=form) == (
        "running|a=1,b=2|1||/a/very/long/s…|bridge\n"
    )
    assert set(ps.LISTING.headers) - {"ExitReport"} <= set(row)
