"""`cuddy build --check`, and the other answers that --call gives without building anything."""

from __future__ import annotations

import os
import sys

from cuddy import files
from cuddy.builder import arguments, dockerfile, outline
from cuddy.cli import build_options, document, table
from cuddy.errors import WrongArguments
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.builder.dockerfile import Dockerfile
    from cuddy.builder.dockerignore import Rules
    from cuddy.builder.findings import Finding
    from cuddy.builder.options import BuildOptions
    from cuddy.cli.flags import Args
    from cuddy.engine.home import Home


def answer(home: Home, options: BuildOptions, args: Args) -> int:
    """Answer what --call asks; 1 if checks found something. Raises InvalidArgument."""
    form = _form(args.call) if not args.check else ""
    parsed, rules = _read(home, options)
    method = build_options.method(args)
    if method == "check":
        text, code = _check(home, options, parsed, rules, form)
    elif method == "targets":
        text, code = _targets(parsed, form), 0
    else:
        text, code = _outline(parsed, options, form), 0
    sys.stdout.write(printable(text, keep="\n\t") if os.isatty(1) else text)
    return code


def _form(call: str) -> str:
    """`json` or "": the form of the answer, as in `--call=outline,format=json`."""
    for field in call.split(",")[1:]:
        if field not in ("format=json", "format=text"):
            raise WrongArguments(f"--call: {field!r}", hint="format=json or format=text")
        if field == "format=json":
            return "json"
    return ""


def _read(home: Home, options: BuildOptions) -> tuple[Dockerfile, Rules | None]:
    """The Dockerfile of a context, which is brought here if it is elsewhere, and what the context
    leaves out.
    """
    from cuddy.builder import context
    from cuddy.engine import registries

    scratch = f"{home.tmp_dir}/{files.name_temporary()}"
    try:
        with context.open(options, 0, scratch, registries.settings(os.environ)) as found:
            parsed = dockerfile.parse(found.dockerfile, found.dockerfile_name)
            return parsed, found.tree.ignore
    finally:
        files.remove_tree(scratch)


def _check(
    home: Home, options: BuildOptions, parsed: Dockerfile, rules: Rules | None, form: str
) -> tuple[str, int]:
    from cuddy.builder import arguments, complaints, lint, surroundings

    given = arguments.parse(options.build_args)
    around = surroundings.of_store(home, parsed, given, rules)
    found = lint.check(parsed, complaints.options(parsed, given), around)
    if form == "json":
        return _json({"warnings": [_finding(each) for each in found]}), int(bool(found))
    if not found:
        return "Check complete, no warnings found.\n", 0
    shown = "".join(f"{lint.shown(parsed, each)}\n\n" for each in found)
    count = "1 warning has" if len(found) == 1 else f"{len(found)} warnings have"
    return f"{shown}Check complete, {count} been found!\n", 1


def _finding(finding: Finding) -> dict[str, Any]:
    place = {"start": {"line": finding.place.line}, "end": {"line": finding.place.last_line}}
    return {
        "ruleName": finding.rule,
        "url": finding.url,
        "detail": finding.message,
        "location": {"ranges": [place]},
    }


def _targets(parsed: Dockerfile, form: str) -> str:
    found = outline.targets(parsed)
    if form == "json":
        rows = [
            {"name": each.name, "default": each.is_default, "description": each.description,
             "base": each.image}
            for each in found
        ]  # fmt: skip
        return _json({"targets": [{k: v for k, v in row.items() if v} for row in rows]})
    lines = ["TARGET\tDESCRIPTION"]
    for number, each in enumerate(found):
        mark = " (default)" if each.is_default else ""
        if each.name or each.is_default:
            lines.append(f"{each.name or number}{mark}\t{each.description}")
    return table.align("\n".join(lines).split("\n"))


def _outline(parsed: Dockerfile, options: BuildOptions, form: str) -> str:
    found = outline.outline(parsed, options.target, arguments.parse(options.build_args))
    if form == "json":
        return _json({
            "name": found.target.name, "description": found.target.description,
            "args": [each._asdict() for each in found.arguments],
            "secrets": [_lent(each) for each in found.lent if each.kind == "secret"],
            "ssh": [_lent(each) for each in found.lent if each.kind == "ssh"],
        })  # fmt: skip
    lines = [f"TARGET:\t{found.target.name or 'default'}"]
    if found.target.description:
        lines.append(f"DESCRIPTION:\t{found.target.description}")
    parts = [table.align(lines)]
    if found.arguments:
        rows = [f"{each.name}\t{each.value}\t{each.description}" for each in found.arguments]
        parts.append(table.align(["BUILD ARG\tVALUE\tDESCRIPTION", *rows]))
    for kind in ("secret", "ssh"):
        if rows := [
            f"{each.id}\t{'true' if each.is_required else ''}"
            for each in found.lent
            if each.kind == kind
        ]:
            parts.append(table.align([f"{kind.upper()}\tREQUIRED", *rows]))
    return "\n".join(parts)


def _lent(lent: outline.Lent) -> dict[str, Any]:
    return {"name": lent.id, "required": lent.is_required}


def _json(value: Any) -> str:
    return document.indented(value, by="  ") + "\n"
