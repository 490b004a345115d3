"""`cuddy push`: upload an image to its registry."""

from __future__ import annotations

import os
import sys

from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.image.pull import check_trust, names_tag
from cuddy.engine import registries
from cuddy.errors import WrongArguments
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def push_(home: Home, args: Args) -> int:
    [name] = args.names
    check_trust(args)
    wanted = reference.parse(name)
    if args.all_tags and (wanted.digest or names_tag(name)):
        raise WrongArguments("tag can't be used with --all-tags/-a")
    # Imported here, after the name is known to be one: this is the expensive part.
    from cuddy.cli.progress import Display
    from cuddy.engine import push

    if not (args.quiet or args.all_tags or wanted.digest or names_tag(name)):
        print(f"Using default tag: {reference.DEFAULT_TAG}", flush=True)
    with Display(sys.stdout, quiet=args.quiet) as display:
        push.push(
            home,
            name,
            all_tags=args.all_tags,
            platform=args.platform,
            settings=registries.settings(os.environ),
            progress=display,
        )
    if args.quiet:
        print(wanted.name if args.all_tags else wanted)
    return 0


COMMAND = Command(
    summary="Upload an image to a registry",
    arguments="NAME[:TAG]",
    flags=(
        Flag("all-tags", "a", BOOL, "Push all tags of an image to the repository"),
        Flag("disable-content-trust", "", BOOL, "Skip image signing", True),
        Flag("platform", "", STRING, "Push only if the image is for this os/arch[/variant]"),
        Flag("quiet", "q", BOOL, "Suppress verbose output"),
    ),
    least=1,
    most=1,
    action=push_,
)
