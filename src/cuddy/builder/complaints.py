"""What is said of a Dockerfile that can be built all the same: docker's build checks, and arguments
that it does not take.
"""

from __future__ import annotations

from cuddy.builder import arguments, lint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.builder.dockerfile import Dockerfile
    from cuddy.builder.findings import Surroundings

CHECK = "BUILDKIT_DOCKERFILE_CHECK"
"""A build argument that counts instead of the file's `# check=`."""


def of(parsed: Dockerfile, given: Mapping[str, str], around: Surroundings) -> list[str]:
    """Warnings. `given`: the build arguments. `around`: what is known of bases and the context.
    Stages that no build needs count as well.

    Raises InvalidArgument if checks find something and that is to be an error.
    """
    asked = options(parsed, given)
    found = lint.check(parsed, asked, around)
    if found and asked.is_error:
        raise lint.refuse(parsed, found)
    return [*(each.short for each in found), *unused(parsed, given)]


def options(parsed: Dockerfile, given: Mapping[str, str]) -> lint.Options:
    """Which checks count: what the user says, or else the file. Raises InvalidArgument."""
    return lint.options(given.get(CHECK) or parsed.directives.get("check", ""))


def unused(parsed: Dockerfile, given: Mapping[str, str]) -> list[str]:
    """Build arguments that no ARG takes."""
    declared = [
        name for instruction in parsed.instructions for name, _ in getattr(instruction, "pairs", ())
    ]
    names = [name for name in arguments.unused(given, declared) if name != CHECK]
    return [f"One or more build-args [{' '.join(names)}] were not consumed"] if names else []
