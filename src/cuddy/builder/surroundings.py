"""What the rules of build checks have to know of the world around a Dockerfile."""

from __future__ import annotations

import posixpath

from cuddy.builder import arguments, stages
from cuddy.builder.findings import Surroundings
from cuddy.errors import InvalidArgument, NoSuchImage
from cuddy.image import platform, store, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cuddy.builder.dockerfile import Dockerfile
    from cuddy.builder.dockerignore import Rules
    from cuddy.builder.instructions import From
    from cuddy.engine.home import Home
    from cuddy.image.spec import RunConfig


def ignored(rules: Rules | None) -> Callable[[str], bool]:
    """Whether a source of COPY is left out of the context, and all that may lie in it too."""

    def is_ignored(source: str) -> bool:
        if rules is None:
            return False
        path = posixpath.normpath(f"/{source}").strip("/").encode("utf-8", "surrogateescape")
        return rules.excludes(path) and not rules.may_hold(path)

    return is_ignored


def variables(config: RunConfig) -> Mapping[str, str] | None:
    """The variables of a base; None if it has instructions of its own, which may set others."""
    return None if config.get("OnBuild") else words.variables(config.get("Env") or ())


def of_store(
    home: Home, parsed: Dockerfile, given: Mapping[str, str], rules: Rules | None
) -> Surroundings:
    """What is known without a build: of bases that are here already."""
    automatic = arguments.of_platforms(platform.host(), platform.host(), "")
    declared = stages.global_arguments(parsed.instructions)
    values, _ = arguments.of_globals(declared, given, automatic, parsed.escape)

    def environment(opening: From) -> Mapping[str, str] | None:
        try:
            name = words.expand(opening.image, values, parsed.escape)
            return variables(store.resolve(home.storage, name).config.get("config") or {})
        except (NoSuchImage, InvalidArgument):
            return None

    return Surroundings(environment, ignored(rules))
