"""What the flags of `cuddy build` and its environment come to: one `BuildOptions`.

Refused is what would change the image or what is made of it and cannot be done here. Each with its
reason; what only says how another builder would go about it is taken.
"""

from __future__ import annotations

from cuddy.builder import journal
from cuddy.builder.arguments import EPOCH
from cuddy.builder.options import BuildOptions
from cuddy.cli import proxies, values
from cuddy.errors import WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cuddy.cli.flags import Args

METHODS = ("build", "check", "outline", "targets")


def read(args: Args, environment: Mapping[str, str]) -> BuildOptions:
    """The options of a build. Raises InvalidArgument."""
    check(args, environment)
    given = {key: getattr(args, key) for key in BuildOptions._fields if key in args.given}
    build_args = arguments(args.build_args, environment, is_dated=args.timestamp is not None)
    given["build_args"] = (*proxies.variables(environment, build_args), *build_args)
    platforms = args.platforms or (environment.get("DOCKER_DEFAULT_PLATFORM") or "",)
    given["platforms"] = tuple(values.comma_separated(platforms))
    given["no_cache_filter"] = tuple(values.comma_separated(args.no_cache_filter))
    given["unset"] = tuple(values.comma_separated(args.unset))
    given["outputs"] = outputs(args)
    if args.security_opt:
        from cuddy.cli.container import creation  # imported here: hardly anybody has one

        options = values.comma_separated(args.security_opt)
        given["security_opt"] = tuple(creation.security_option(each) for each in options)
    given.pop("isolation", None)  # it is the default one
    given["environment"] = tuple(environment.items())
    [context] = args.names
    return BuildOptions(context=context, build_id=journal.new_id(), **given)


def arguments(
    words: Sequence[str], environment: Mapping[str, str], *, is_dated: bool = False
) -> tuple[str, ...]:
    """--build-arg; a bare NAME is worth what the environment says, and nothing if it is silent.

    SOURCE_DATE_EPOCH counts without being named, as with BuildKit; but --timestamp (`is_dated`)
    comes before it.
    """
    found = []
    for word in words:
        if "=" in word:
            found.append(word)
        elif word in environment:
            found.append(f"{word}={environment[word]}")
    is_named = any(word.partition("=")[0] == EPOCH for word in words)
    if environment.get(EPOCH) and not is_named and not is_dated:
        found.append(f"{EPOCH}={environment[EPOCH]}")
    return tuple(found)


def outputs(args: Args) -> tuple[str, ...]:
    """--output with what --push and --load stand for. Raises WrongArguments."""
    found: tuple[str, ...] = args.outputs
    is_image = [text for text in found if _type(text) in ("image", "registry")]
    if args.push and not found:
        found = ("type=registry",)
    elif args.push:
        if not is_image:
            raise WrongArguments(
                "--push: no output is an image", hint="add --output type=image, or leave out others"
            )
        found = tuple(f"{text},push=true" if _type(text) == "image" else text for text in found)
    if args.load and found and not any(_type(text) == "docker" for text in found):
        found = (*found, "type=docker")
    return found


def _type(text: str) -> str:
    """The type of an output: `type=image,name=x`."""
    fields = [field for field in text.split(",") if field.startswith("type=")]
    return fields[0].removeprefix("type=") if fields else "local"


def check(args: Args, environment: Mapping[str, str]) -> None:
    """What is asked for can be had, and does not contradict itself. Raises WrongArguments."""
    if args.quiet and args.progress not in ("", "auto", "quiet"):
        raise WrongArguments(f"progress={args.progress} and quiet cannot be used together")
    if args.push and args.load:
        raise WrongArguments("push and load may not be set together at the moment")
    if method(args) not in METHODS:
        raise WrongArguments(
            f"unknown method {method(args)!r}", hint=f"one of {', '.join(METHODS)}"
        )
    if args.names == ["-"] and args.dockerfile == "-":
        raise WrongArguments(
            "invalid argument: can't use stdin for both build context and dockerfile"
        )
    if args.isolation not in ("", "default"):
        raise WrongArguments(
            f"--isolation={args.isolation} is for Windows", hint="'default' is taken"
        )
    if not args.disable_content_trust:
        raise WrongArguments(
            "content trust (Notary) is not supported: nothing was built",
            hint="leave out --disable-content-trust=false; a digest names exactly one image",
        )
    if builder := args.builder or environment.get("BUILDX_BUILDER"):
        # Imported here: it is hardly ever asked for.
        from cuddy.builder import instance

        instance.find(builder)
    check_attestations(args)


def method(args: Args) -> str:
    """What is to be done with the Dockerfile: --call, without the form of its answer."""
    if args.check:
        return "check"
    return str(args.call).partition(",")[0].removeprefix("subrequest=") or "build"


def check_attestations(args: Args) -> None:
    """None is made. Raises WrongArguments for one that is wanted."""
    for text in args.attest:
        fields = values.comma_separated([text])
        if not any(field in ("disabled=true", "disabled=1") for field in fields):
            raise _no_attestation(f"--attest {text}")
    for name in ("provenance", "sbom"):
        text = getattr(args, name)
        off = name not in args.given or text in ("false", "0", "disabled=true")
        if not off:
            raise _no_attestation(f"--{name} {text}")


def _no_attestation(flag: str) -> WrongArguments:
    return WrongArguments(
        f"{flag}: attestations are not supported, as by docker's own driver",
        hint="--provenance=false --sbom=false leave them out",
    )
