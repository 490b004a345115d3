"""Tables in Docker's layout, and `--format` of commands that list.

Columns are as wide as Go's text/tabwriter makes them (at least 10, three blanks between). A
listing names its columns; templates are only loaded when the user writes one.
"""

from __future__ import annotations

import os

from cuddy.cli import document
from cuddy.cli.width import pad, width
from cuddy.escape import printable
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Row = dict[str, Any]

JSON_FORMAT_HELP = """\
Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output \
with templates"""
FORMAT_HELP = JSON_FORMAT_HELP.replace(
    "'json'",
    "'table':            Print output in table format with column headers (default)\n"
    "'table TEMPLATE':   Print output in table format using the given Go template\n'json'",
)
_NARROWEST = 10
_GUTTER = 3


class Elastic(NamedTuple):
    """A column that gives way at a terminal: its field, to how many columns, and what is cut."""

    field: str
    least: int
    where: str = "end"  # or start, or quoted: the end of what is in quotes


class Listing(NamedTuple):
    """What a list command can show."""

    headers: dict[str, Any]  # every field with the title of its column
    columns: tuple[str, ...]  # fields of the default table
    identity: str = "ID"  # the field that -q shows
    elastic: tuple[Elastic, ...] | None = None  # what gives way at a terminal, blanks at last


def align(lines: list[str]) -> str:
    """Tab-separated lines as columns, each line ended."""
    return lay_out([line.split("\t") for line in lines])


def lay_out(rows: list[list[str]], *, gutter: int = _GUTTER, narrowest: int = _NARROWEST) -> str:
    """Rows of cells as columns, each row a line."""
    rows = [list(row) for row in rows]
    for column in range(max(map(len, rows), default=1) - 1):
        for block in _blocks(rows, column):
            widest = max(narrowest, *(width(row[column]) + gutter for row in block))
            for row in block:
                row[column] = pad(row[column], widest)
    return "".join("".join(row) + "\n" for row in rows)


def _blocks(rows: list[list[str]], column: int) -> Iterable[list[list[str]]]:
    """Runs of neighbouring rows in which a column is not the last: each run has its own width."""
    block: list[list[str]] = []
    for row in rows:
        if column < len(row) - 1:
            block.append(row)
        elif block:
            yield block
            block = []
    if block:
        yield block


def render(listing: Listing, rows: Iterable[Row], *, form: str, quiet: bool = False) -> str:
    """All rows in the form that `--format` asks for. Raises BadTemplate, Unfit.

    On a terminal, control characters in values are made visible.
    """
    if os.isatty(1):
        rows = [{key: _shown(value) for key, value in row.items()} for row in rows]
    if quiet:
        return "".join(f"{row[listing.identity]}\n" for row in rows)
    if form in ("", "table"):
        return _default_table(listing, rows)
    if form == "json":
        return "".join(_json(row) + "\n" for row in rows)
    return _templated(listing, rows, form)


def _default_table(listing: Listing, rows: Iterable[Row]) -> str:
    if listing.elastic is not None and (columns := _terminal_columns()):
        from cuddy.cli import fit

        cells = [[listing.headers[field] for field in listing.columns]]
        cells += [[row[field] for field in listing.columns] for row in rows]
        fitted = fit.fit(cells, listing.columns, listing.elastic, columns)
        return lay_out(fitted.rows, gutter=fitted.gutter, narrowest=fitted.narrowest)
    lines = ["\t".join(listing.headers[field] for field in listing.columns)]
    lines += ["\t".join(row[field] for field in listing.columns) for row in rows]
    return align("\n".join(lines).split("\n"))


def _terminal_columns() -> int:
    """How wide the terminal is that standard output is; 0 if it is none."""
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return 0


def _json(value: Any) -> str:
    """A row as an object, its fields by name without those that want an argument; or one field."""
    if not isinstance(value, dict):
        return document.compact(value)
    fields = {key: value[key] for key in sorted(value) if not callable(value[key])}
    return document.compact(fields, for_html=True)


def _templated(listing: Listing, rows: Iterable[Row], form: str) -> str:
    from cuddy.cli.template import Template
    from cuddy.cli.template_functions import FUNCTIONS, HEADER_FUNCTIONS
    from cuddy.cli.template_tokens import BadTemplate

    is_table = form.startswith("table ")
    source = form[6:].strip() if is_table else form
    source = source.replace("\\t", "\t").replace("\\n", "\n")
    try:
        template = Template(source, FUNCTIONS | {"json": (_json, 1, 1)})
    except BadTemplate as error:
        error.exit_code = 1  # where docker lists; 64 is its answer where it inspects
        raise
    shown = [template.render(row, nothing="<nil>") for row in rows]
    if not is_table:
        return "".join(line + "\n" for line in shown)
    titles = Template(source, HEADER_FUNCTIONS).render(listing.headers)
    return align("\n".join([titles, *shown]).split("\n"))


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if callable(value):
        return _shown_result(value)
    return value


def _shown_result(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: _shown(call(*arguments))
