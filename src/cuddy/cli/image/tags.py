"""`cuddy tags`: list the tags of a repository at its registry."""

from __future__ import annotations

import os
import sys

from cuddy.cli import table
from cuddy.cli.flags import BOOL, INT, STRING, Args, Command, Flag
from cuddy.cli.image.pull import names_tag
from cuddy.engine import registries
from cuddy.errors import WrongArguments
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={"Repository": "REPOSITORY", "Tag": "TAG"},
    columns=("Repository", "Tag"),
    identity="Tag",
)


def tags_(home: Home, args: Args) -> int:
    [name] = args.names
    wanted = reference.parse(name)
    if wanted.digest or names_tag(name):
        raise WrongArguments(f"{name} names one image", hint=f"cuddy tags {wanted.familiar_name}")
    if args.limit is not None and args.limit < 1:
        raise WrongArguments(f"--limit {args.limit}: there is nothing to show")
    from cuddy.image import tags

    found = tags.tags(registries.settings(os.environ), name, match=args.match)
    rows = [{"Repository": wanted.familiar_name, "Tag": tag} for tag in found[-(args.limit or 0) :]]
    form = "" if args.quiet else args.format
    sys.stdout.write(table.render(LISTING, rows, form=form, quiet=args.quiet))
    return 0


COMMAND = Command(
    summary="List the tags of a repository in its registry, oldest version first",
    arguments="REPOSITORY",
    flags=(
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("limit", "n", INT, "Show only the last tags, so many of them"),
        Flag("match", "", STRING, "Show only tags that match a pattern ('3.*')"),
        Flag("quiet", "q", BOOL, "Only show tags"),
    ),
    least=1,
    most=1,
    action=tags_,
    opens_home=False,
)
