"""What notebooks show of results, containers, images and their like: `_repr_html_` of each. Pure.

Everything that comes from a container, an image or a registry is hostile, so all text is escaped;
colours are the page's own, for a dark one as for a light one; nothing is loaded from elsewhere.
"""

from __future__ import annotations

from cuddy import sizes
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Row = Mapping[str, str]

MAX_TEXT = 100_000
"""Characters of one output; of a longer one its end is shown."""
MAX_CELL = 300
MAX_ROWS = 500
LINE = "border:1px solid rgba(128,128,128,.4);"
CELL = f"{LINE}padding:2px 8px;text-align:left;vertical-align:top;overflow-wrap:anywhere"
TEXT = (
    f"{LINE}margin:4px 0;padding:6px 8px;max-height:30em;overflow:auto;white-space:pre-wrap;"
    "overflow-wrap:anywhere;color:inherit;background:transparent"
)


def escaped(text: str, *, keep: str = "") -> str:
    """The text as HTML, with what is not printable made visible but for `keep`."""
    import html

    return html.escape(printable(text, keep=keep))


def table(rows: Iterable[Row]) -> str:
    """One line for each; the titles are those of the first."""
    listed = list(rows)
    if not listed:
        return "<i>nothing</i>"
    titles = list(listed[0])
    lines = [[row.get(title, "") for title in titles] for row in listed[:MAX_ROWS]]
    more = f"<i>and {len(listed) - MAX_ROWS} more</i>" if len(listed) > MAX_ROWS else ""
    head = _line("th", titles)
    body = "".join(_line("td", line) for line in lines)
    style = "border-collapse:collapse;color:inherit;background:transparent"
    return f'<table style="{style}"><thead>{head}</thead><tbody>{body}</tbody></table>{more}'


def _line(tag: str, cells: Iterable[str]) -> str:
    shown = (escaped(cell if len(cell) <= MAX_CELL else f"{cell[:MAX_CELL]}…") for cell in cells)
    scope = ' scope="col"' if tag == "th" else ""
    style = f'style="{CELL}"'
    return f"<tr>{''.join(f'<{tag}{scope} {style}>{cell}</{tag}>' for cell in shown)}</tr>"


def text(content: str, title: str) -> str:
    """What somebody wrote, its end if it is long."""
    cut = len(content) - MAX_TEXT
    note = f"<div><i>{cut} characters before</i></div>" if cut > 0 else ""
    shown = escaped(content[-MAX_TEXT:], keep="\n\t")
    return f'{note}<pre role="log" aria-label="{escaped(title)}" style="{TEXT}">{shown}</pre>'


def result(exit_code: int, stdout: str, stderr: str, warnings: Iterable[str]) -> str:
    """How a command ended and what it wrote."""
    parts = [f"<div>exit code <b>{exit_code}</b></div>"]
    parts += [f"<div><i>warning: {escaped(each)}</i></div>" for each in warnings]
    for name, content in (("standard output", stdout), ("standard error", stderr)):
        if content:
            parts.append(f"<div>{name}</div>{text(content, name)}")
    return "".join(parts)


def container_row(attrs: Mapping[str, Any]) -> Row:
    """A container in a table."""
    state = attrs["State"]
    status = str(state["Status"])
    if status == "exited":
        status += f" ({state['ExitCode']})"
    published = (attrs.get("NetworkSettings") or {}).get("Ports") or {}
    ports = (f"{to['HostPort']}→{port}" for port, tos in published.items() for to in tos or ())
    return {
        "name": str(attrs["Name"]).removeprefix("/"), "id": str(attrs["Id"])[:12],
        "image": str(attrs["Config"]["Image"]), "status": status,
        "created": str(attrs["Created"])[:19], "ports": ", ".join(dict.fromkeys(ports)),
    }  # fmt: skip


def image_row(attrs: Mapping[str, Any]) -> Row:
    """An image in a table."""
    return {
        "tags": ", ".join(attrs["RepoTags"] or ()), "id": str(attrs["Id"])[7:19],
        "size": sizes.human_size(int(attrs["Size"])),
        "created": str(attrs.get("Created") or "")[:19],
        "platform": f"{attrs.get('Os', '')}/{attrs.get('Architecture', '')}",
    }  # fmt: skip
