"""What the Dockerfile and the options say together: what holds for all stages of a build."""

from __future__ import annotations

from cuddy import files
from cuddy.builder import arguments, dockerfile, stages
from cuddy.image import platform
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.builder.cache_from import Imports
    from cuddy.builder.context import Context
    from cuddy.builder.dockerfile import Dockerfile
    from cuddy.builder.options import BuildOptions
    from cuddy.builder.stages import Stages
    from cuddy.engine.home import Home
    from cuddy.image.platform import Platform


class Plan(NamedTuple):
    """The plan of one image. `started`: RFC 3339; of the epoch, if there is one."""

    home: Home
    options: BuildOptions
    dockerfile: Dockerfile
    name: str  # of the Dockerfile, for messages
    stages: Stages
    given: dict[str, str]  # arguments of the user's
    known: dict[str, str]  # what an ARG without a default may mean
    epoch: int | None  # seconds
    started: str
    imports: Imports | None = None  # caches elsewhere


def read(
    home: Home, options: BuildOptions, found: Context, target: Platform, imports: Imports | None
) -> Plan:
    """What the Dockerfile says. Raises InvalidArgument."""
    parsed = dockerfile.parse(found.dockerfile, found.dockerfile_name)
    given, epoch = arguments.date(arguments.parse(options.build_args), options.timestamp)
    automatic = arguments.of_platforms(platform.host(), target, options.target)
    values, declared = arguments.of_globals(
        stages.global_arguments(parsed.instructions), given, automatic, parsed.escape
    )
    divided = stages.Stages(parsed.instructions, values, parsed.escape, find_alias(options))
    started = files.now() if epoch is None else files.format_time(epoch * 10**9)
    return Plan(
        home, options, parsed, found.dockerfile_name, divided, given, automatic | declared,
        epoch, started, imports,
    )  # fmt: skip


def find_alias(options: BuildOptions) -> Callable[[str], str | None]:
    """What the user's named contexts make of a name: see `Stages`. Raises InvalidArgument."""
    if not options.build_contexts:
        return str
    # Imported here: most builds have none.
    from cuddy.builder import named_contexts

    wishes = named_contexts.parse_all(options.build_contexts)

    def alias(name: str) -> str | None:
        wish = wishes.get(named_contexts.key(name))
        if wish is None:
            return name
        return wish.where if wish.kind == named_contexts.STAGE else None

    return alias
