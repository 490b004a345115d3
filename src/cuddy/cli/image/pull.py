"""`cuddy pull`: fetch an image from its registry."""

from __future__ import annotations

import os
import sys

from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import registries
from cuddy.errors import WrongArguments
from cuddy.image import host, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def pull_(home: Home, args: Args) -> int:
    [name] = args.names
    if name == host.NAME:
        print(f"{host.NAME} is this machine itself: always there, always up to date")
        return 0
    check_trust(args)
    wanted = reference.parse(name)
    if args.all_tags and (wanted.digest or names_tag(name)):
        raise WrongArguments("tag can't be used with --all-tags/-a")
    # Imported here, after the name is known to be one: this is the expensive part.
    from cuddy.cli.progress import Display
    from cuddy.engine import pull

    if (
        not (args.quiet or args.all_tags)
        and wanted.tag == reference.DEFAULT_TAG
        and not names_tag(name)
    ):
        print(f"Using default tag: {reference.DEFAULT_TAG}", flush=True)
    with Display(sys.stdout, quiet=args.quiet) as display:
        bring = pull.pull_all if args.all_tags else pull.pull
        bring(
            home,
            name,
            platform=args.platform,
            settings=registries.settings(os.environ),
            progress=display,
        )
    print(wanted.name if args.all_tags else wanted)
    return 0


def check_trust(args: Args) -> None:
    """Signatures of Docker Content Trust are neither made nor verified. Raises WrongArguments."""
    if not args.disable_content_trust:
        raise WrongArguments(
            "content trust (Notary) is not supported: nothing was transferred",
            hint="leave out --disable-content-trust=false; a digest names exactly one image",
        )


def names_tag(name: str) -> bool:
    """Whether a name is written with a tag."""
    return ":" in name.rpartition("/")[2]


COMMAND = Command(
    summary="Download an image from a registry",
    arguments="NAME[:TAG|@DIGEST]",
    flags=(
        Flag("all-tags", "a", BOOL, "Download all tagged images in the repository"),
        Flag("disable-content-trust", "", BOOL, "Skip image verification", True),
        Flag("platform", "", STRING, "Set platform if server is multi-platform capable"),
        Flag("quiet", "q", BOOL, "Suppress verbose output"),
    ),
    least=1,
    most=1,
    action=pull_,
)
