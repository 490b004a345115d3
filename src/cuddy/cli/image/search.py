"""`cuddy search`: search a registry for repositories."""

from __future__ import annotations

import os
import sys

from cuddy.cli import table
from cuddy.cli.flags import BOOL, FILTER, INT, STRING, Args, Command, Flag
from cuddy.engine import registries
from cuddy.errors import WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.search import Found

LISTING = table.Listing(
    headers={
        "Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS",
        "IsOfficial": "OFFICIAL",
    },
    columns=("Name", "Description", "StarCount", "IsOfficial"),
    identity="Name",
)  # fmt: skip
USUAL_LIMIT = 25
MAX_LIMIT = 100
WIDTH = 45
BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


def search_(home: Home, args: Args) -> int:
    limit = args.limit or USUAL_LIMIT
    if not 0 < limit <= MAX_LIMIT:
        raise WrongArguments(f"Limit {limit} is outside the range of [1, {MAX_LIMIT}]")
    tests = [_test(*text.partition("=")[::2]) for text in args.filter]
    from cuddy.image import search

    [term] = args.names
    found = search.search(registries.settings(os.environ), term, limit=limit)
    is_json = args.format in ("json", "{{json .}}")
    rows = [
        _row(each, is_json=is_json, full=args.no_trunc)
        for each in found
        if all(test(each) for test in tests)
    ]
    sys.stdout.write(table.render(LISTING, rows, form=args.format))
    return 0


def _test(name: str, value: str) -> Callable[[Found], bool]:
    """What a filter lets pass. Raises WrongArguments."""
    if name == "stars" and value.isascii() and value.isdigit():
        return lambda found: found.stars >= int(value)
    if name == "is-official" and value in BOOLEANS:
        return lambda found: found.is_official == BOOLEANS[value]
    if name == "is-automated" and value in BOOLEANS:
        return lambda found: found.is_automated == BOOLEANS[value]
    known = name in ("stars", "is-official", "is-automated")
    shown = f"{name}={value}" if known else name
    raise WrongArguments(f"Invalid filter '{shown}'", hint="stars=N, is-official=true|false")


def _row(found: Found, *, is_json: bool, full: bool) -> dict[str, Any]:
    description = found.description.replace("\n", " ").replace("\r", " ")
    if not full and len(description) > WIDTH:
        description = description[: WIDTH - 1] + "…"
    official = str(found.is_official).lower() if is_json else "[OK]" * found.is_official
    return {
        "Name": found.name,
        "Description": description,
        "StarCount": str(found.stars),
        "IsOfficial": official,
    }


COMMAND = Command(
    summary="Search Docker Hub, or another registry, for images",
    arguments="TERM",
    flags=(
        Flag("filter", "f", FILTER, "Filter output based on conditions provided"),
        Flag("format", "", STRING, "Pretty-print search using a Go template"),
        Flag("limit", "", INT, "Max number of search results"),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
    ),
    least=1,
    most=1,
    action=search_,
    opens_home=False,
)
