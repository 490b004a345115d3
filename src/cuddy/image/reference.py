"""Image names: `[registry[:port]/]repository[:tag][@digest]`, made complete as Docker does.

    reference  := name [":" tag] ["@" digest]
    name       := [domain "/"] component ["/" component]*          at most 255 characters
    domain     := host [":" digits]       host: dotted labels, or an IPv6 address in brackets
    component  := alnum [separator alnum]*                         alnum: [a-z0-9]+
    separator  := "." | "_" | "__" | "-"+
    tag        := [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
    digest     := algorithm ":" hex

`alpine` is `docker.io/library/alpine:latest`. The first part is a registry if it holds a dot, a
colon or an upper-case letter, or is `localhost`. Written without `re`: names are on the path of
every start.
"""

from __future__ import annotations

from cuddy.errors import InvalidReference
from cuddy.image import digest as digests
from cuddy.shapes import NamedTuple

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
MAX_NAME = 255
MAX_TAG = 128

DIGITS = "0123456789"
LOWER = "abcdefghijklmnopqrstuvwxyz" + DIGITS
ALNUM = LOWER + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SEPARATORS = str.maketrans(LOWER, " " * len(LOWER))


class Reference(NamedTuple):
    """A complete name; at least one of tag and digest is there."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar_name(self) -> str:
        """The name as people write it: without docker.io, without library."""
        if self.registry != DEFAULT_REGISTRY:
            return self.name
        short = self.repository.removeprefix("library/")
        return self.repository if "/" in short else short

    @property
    def familiar(self) -> str:
        """The reference as people write it."""
        return self.familiar_name + self._suffix()

    def __str__(self) -> str:
        return self.name + self._suffix()

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag


def parse(text: str) -> Reference:
    """The complete form of what a user wrote; the tag is `latest` if nothing else is said.

    Raises InvalidReference.
    """
    rest, at, digest = text.partition("@")
    if at and not digests.is_digest(digest):
        raise _invalid(text, "the part after '@' is not a sha256 or sha512 digest")
    rest, tag = _split_tag(rest)
    if tag is not None and not is_tag(tag):
        raise _invalid(text, "the tag may hold letters, digits, '_', '.', '-', at most 128 of them")
    registry, repository = _split_registry(rest)
    _check_name(text, rest, registry, repository)
    if tag is None:
        tag = "" if digest else DEFAULT_TAG
    return Reference(registry, repository, tag, digest)


def spelled(name: str) -> tuple[str, str]:
    """A complete name as people write it: the repository, and `:tag` or `@digest`.

    For names that are stored already: one that another program wrote into the layout may be none,
    and is shown as it is.
    """
    try:
        wanted = parse(name)
    except InvalidReference:
        return name, ""
    return wanted.familiar_name, wanted.familiar.removeprefix(wanted.familiar_name)


def is_tag(text: str) -> bool:
    """Whether the text can be a tag."""
    return (
        0 < len(text) <= MAX_TAG and not text.strip(ALNUM + "_.-") and text[0] not in ".-"
    )  # fmt: skip


def _split_tag(text: str) -> tuple[str, str | None]:
    """Cut off the tag: what follows a colon that no slash follows."""
    name, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        return text, None
    return name, tag


def _split_registry(name: str) -> tuple[str, str]:
    """Registry and repository, docker.io and library/ filled in."""
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or _has_upper(first)):
        first, rest = DEFAULT_REGISTRY, name
    if first == "index.docker.io":
        first = DEFAULT_REGISTRY
    if first == DEFAULT_REGISTRY and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest


def _has_upper(text: str) -> bool:
    return text.lower() != text


def _check_name(text: str, name: str, registry: str, repository: str) -> None:
    if not name:
        raise _invalid(text, "the name is empty")
    if len(registry) + 1 + len(repository) > MAX_NAME:
        raise _invalid(text, f"the name is longer than {MAX_NAME} characters")
    if not _is_domain(registry):
        raise _invalid(text, f"{registry!r} is not a registry's host[:port]")
    if len(name) == 64 and digests.is_hex(name):
        raise _invalid(text, "64 hexadecimal digits are an image id, not a name")
    for component in repository.split("/"):
        if not _is_component(component):
            raise _invalid(text, _why_not(component))


def _is_component(text: str) -> bool:
    """Lower-case letters and digits in groups, with one separator between two groups."""
    if not text or text.strip(LOWER + "._-") or text[0] not in LOWER or text[-1] not in LOWER:
        return False
    runs = text.translate(SEPARATORS).split()
    return all(run in (".", "_", "__") or not run.strip("-") for run in runs)


def _why_not(component: str) -> str:
    if _has_upper(component) and _is_component(component.lower()):
        return "repository names must be lower case"
    return "repository names are lower-case letters and digits, separated by '/', '.', '_' or '-'"


def _is_domain(text: str) -> bool:
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        host_good = bool(bracket) and ":" in address and not address.strip(DIGITS + "abcdefABCDEF:")
        colon, port = rest[:1], rest[1:]
        if rest and colon != ":":
            return False
    else:
        host, colon, port = text.partition(":")
        host_good = all(map(_is_label, host.split(".")))
    return host_good and (not colon or (bool(port) and not port.strip(DIGITS)))


def _is_label(text: str) -> bool:
    return bool(text) and not text.strip(ALNUM + "-") and "-" not in (text[0], text[-1])


def _invalid(text: str, why: str) -> InvalidReference:
    shown = text if len(text) <= 100 else text[:100] + "..."
    return InvalidReference(f"invalid image name {shown!r}: {why}")
