"""The flags of `cuddy build`: those of docker's `build` and buildx's, and a few of podman's.

What one machine without a daemon has no use for is taken where it changes nothing, and refused,
with the reason, where it would (`build_options.py: check`).
"""

from __future__ import annotations

from cuddy.cli import values
from cuddy.cli.build_progress import FORMS
from cuddy.cli.flags import BOOL, BYTES, INT, STRING, STRINGS, Flag, Kind
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ARRAY = Kind("stringArray", str, (), many=True)


def _progress(word: str) -> str:
    if word not in FORMS:
        raise ValueError(f"one of {', '.join(FORMS)}")
    return word


def _timestamp(word: str) -> int:
    """Seconds since the epoch."""
    seconds = values.integer(word)
    if seconds < 0:
        raise ValueError("before 1970")
    return seconds


def _tag(word: str) -> str:
    from cuddy.image import reference

    try:
        wanted = reference.parse(word)
    except InvalidArgument as error:
        raise ValueError(str(error)) from None
    if wanted.digest:
        raise ValueError("a new image cannot be named by a digest")
    return word


def _assignment(word: str) -> str:
    """NAME=VALUE, or NAME alone for the caller's value."""
    if not word.partition("=")[0]:
        raise ValueError(f"invalid key-value pair {word!r}: empty key")
    return word


def _where(word: str) -> str:
    """NAME=WHERE."""
    name, _, where = word.partition("=")
    if not name or not where:
        raise ValueError(f"invalid context value: {word}, expected key=value")
    return word


def _many(parse: Callable[[str], object], name: str = "stringArray") -> Kind:
    return Kind(name, parse, (), many=True)


FLAGS = (
    Flag("add-host", "", _many(values.extra_host, "strings"),
         'Add a custom host-to-IP mapping (format: "host:ip")', into="add_hosts"),
    Flag("allow", "", ARRAY,
         'Allow extra privileged entitlement (e.g., "network.host", "security.insecure", '
         '"device")'),
    Flag("annotation", "", _many(values.annotation), "Add annotation to the image",
         into="annotations"),
    Flag("attest", "", ARRAY, 'Attestation parameters (format: "type=sbom,generator=image")'),
    Flag("build-arg", "", _many(_assignment), "Set build-time variables", into="build_args"),
    Flag("build-context", "", _many(_where), "Additional build contexts (e.g., name=path)",
         into="build_contexts"),
    Flag("builder", "", STRING, "Override the configured builder instance"),
    Flag("cache-from", "", ARRAY,
         'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")'),
    Flag("cache-to", "", ARRAY,
         'Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")'),
    Flag("call", "", STRING, 'Set method for evaluating build ("check", "outline", "targets")',
         "build", aliases=("print",)),
    Flag("cgroup-parent", "", STRING,
         'Set the parent cgroup for the "RUN" instructions during build'),
    Flag("check", "", BOOL, 'Shorthand for "--call=check"'),
    Flag("compress", "", BOOL, "Compress the build context using gzip"),
    Flag("cpu-period", "", INT, "Limit the CPU CFS (Completely Fair Scheduler) period"),
    Flag("cpu-quota", "", INT, "Limit the CPU CFS (Completely Fair Scheduler) quota"),
    Flag("cpu-shares", "c", INT, "CPU shares (relative weight)"),
    Flag("cpuset-cpus", "", STRING, "CPUs in which to allow execution (0-3, 0,1)"),
    Flag("cpuset-mems", "", STRING, "MEMs in which to allow execution (0-3, 0,1)"),
    Flag("disable-content-trust", "", BOOL, "Skip image verification", True),
    Flag("explain-cache", "", BOOL,
         "Tell of the first step that was not cached which file, argument or image has changed"),
    Flag("file", "f", STRING, 'Name of the Dockerfile (default: "PATH/Dockerfile")',
         into="dockerfile"),
    Flag("force-rm", "", BOOL, "Always remove intermediate containers"),
    Flag("iidfile", "", STRING, "Write the image ID to a file"),
    Flag("isolation", "", STRING, "Container isolation technology"),
    Flag("label", "", _many(values.label), "Set metadata for an image", into="labels"),
    Flag("load", "", BOOL, 'Shorthand for "--output=type=docker"'),
    Flag("memory", "m", BYTES, "Memory limit"),
    Flag("memory-swap", "", Kind("bytes", values.size_or_unlimited),
         "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    Flag("metadata-file", "", STRING, "Write build result metadata to a file"),
    Flag("network", "", STRING,
         'Set the networking mode for the "RUN" instructions during build (default "default")'),
    Flag("no-cache", "", BOOL, "Do not use cache when building the image"),
    Flag("no-cache-filter", "", ARRAY, "Do not cache specified stages"),
    Flag("output", "o", ARRAY, 'Output destination (format: "type=local,dest=path")',
         into="outputs"),
    Flag("platform", "", ARRAY, "Set target platform for build", into="platforms"),
    Flag("progress", "", Kind("string", _progress, ""),
         'Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty"). '
         'Use plain to show container output (default "auto")'),
    Flag("provenance", "", STRING, 'Shorthand for "--attest=type=provenance"'),
    Flag("pull", "", BOOL, "Always attempt to pull all referenced images"),
    Flag("push", "", BOOL, 'Shorthand for "--output=type=registry"'),
    Flag("quiet", "q", BOOL, "Suppress the build output and print image ID on success"),
    Flag("rm", "", BOOL, "Remove intermediate containers after a successful build", True),
    Flag("sbom", "", STRING, 'Shorthand for "--attest=type=sbom"'),
    Flag("secret", "", ARRAY,
         'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")',
         into="secrets"),
    Flag("security-opt", "", STRINGS, "Security options"),
    Flag("shm-size", "", BYTES, "Shared memory size for build containers"),
    Flag("squash", "", BOOL, "Squash newly built layers into a single new layer"),
    Flag("ssh", "", ARRAY, "SSH agent socket or keys to expose to the build "
         '(format: "default|<id>[=<socket>|<key>[,<key>]]")'),
    Flag("tag", "t", _many(_tag), 'Image identifier (format: "[registry/]repository[:tag]")',
         into="tags"),
    Flag("target", "", STRING, "Set the target build stage to build"),
    Flag("timestamp", "", Kind("seconds", _timestamp),
         "Seconds since the epoch that everything in the image is dated to, so that a rebuild "
         "gives the same digests; as SOURCE_DATE_EPOCH in the environment"),
    Flag("ulimit", "", Kind("ulimit", values.ulimit, (), many=True), "Ulimit options",
         into="ulimits"),
    Flag("unset", "", STRINGS, "Take something out of what the base image says "
         "(volume, expose, entrypoint, cmd, healthcheck, user, env, label)"),
)  # fmt: skip
