"""Showing whole documents: what `inspect` prints for containers and images."""

from __future__ import annotations

import os
import sys

from cuddy.cli import boundary, document
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def show(names: Sequence[str], find: Callable[[str], Any], form: str) -> int:
    """Print what `find` knows of each name, in the form that --format asks for.

    Names that are not there do not keep the others from being shown; what is wrong with them is
    said after that, and the status is then 1.
    """
    render = renderer(form)
    found, complaints = boundary.collect(names, find)
    text = render(found) or "\n"
    sys.stdout.write(printable(text, keep="\n\t") if os.isatty(1) else text)
    for complaint in complaints:
        boundary.complain(complaint, 1)
    return int(bool(complaints))


def renderer(form: str) -> Callable[[list[Any]], str]:
    """How documents become text. Raises BadTemplate."""
    if not form:
        return lambda found: document.indented(found) + "\n"
    if form == "json":
        return lambda found: document.compact(found) + "\n"
    from cuddy.cli import nil
    from cuddy.cli.template import Template

    template = Template(form)
    return lambda found: "".join(
        template.render(nil.shown(item), nothing="<nil>") + "\n" for item in found
    )


def render_one(item: Any, form: str) -> str:
    """One document by --format: `json`, or a template."""
    if form == "json":
        return document.compact(item) + "\n"
    return renderer(form)([item])
