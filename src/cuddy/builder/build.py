"""Build: a Dockerfile and what it may read become an image.

context ─▶ Dockerfile ─▶ plan ─▶ driver: stages ─▶ image, names, other outputs
"""

from __future__ import annotations

from cuddy import files
from cuddy.builder import beginnings, context, driver, export, plan, report
from cuddy.errors import SystemFailure
from cuddy.image import platform, store
from cuddy.image.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.builder.built import Built
    from cuddy.builder.cache_from import Imports
    from cuddy.builder.context import Context
    from cuddy.builder.export import Finished
    from cuddy.builder.options import BuildOptions
    from cuddy.builder.report import Numbering, Tell, Watcher
    from cuddy.engine.home import Home


def build(
    home: Home,
    options: BuildOptions,
    *,
    stdin_fd: int = -1,
    stdout_fd: int = 1,
    received: Iterator[bytes] | None = None,
    settings: Settings | None = None,
    tell: Tell,
    watcher: Watcher | None = None,
) -> Built:
    """Build what the options say. Raises CuddyError; StepFailed if one of the steps fails.

    `settings`: how registries are reached; None: images that are not here are not to be had.
    `stdout_fd`: where an output goes that is to go to standard output. `received`: the context, a
    tar that somebody sends. `watcher`: hears of more than steps.
    """
    scratch = f"{home.tmp_dir}/{files.name_temporary()}"
    telling = report.Numbering(tell, watcher)
    export.check(options, stdout_fd)
    check_limits(options)
    check_lent(options)
    try:
        files.make_directory(home.build_dir)
        files.make_directory(scratch)
        with store.lease(home.storage):
            with open_context(options, stdin_fd, received, scratch, settings, telling) as found:
                made = make(home, options, found, scratch, settings, telling)
            return export.export(
                home, options, made, telling, settings=settings, stdout_fd=stdout_fd
            )
    except OSError as error:
        raise SystemFailure.from_os("the build failed", error) from error
    finally:
        files.remove_tree(scratch)


def check_limits(options: BuildOptions) -> None:
    """Whether steps can have the memory they are to have. Raises InvalidArgument."""
    if options.memory or options.memory_swap:
        # Imported here: hardly any build is limited.
        from cuddy.engine import limits

        memory, swap = options.memory or 0, options.memory_swap or 0
        unlimited = {"MemoryReservation": 0, "MemorySwappiness": None}
        limits.check_memory({"Memory": memory, "MemorySwap": swap, **unlimited}, update=False)


def check_lent(options: BuildOptions) -> None:
    """Whether steps can have what is to be lent to them. Raises CuddyError."""
    if options.secrets or options.ssh or options.allow:
        # Imported here: most builds lend nothing.
        from cuddy.builder import lending

        lending.check(options)


def open_context(
    options: BuildOptions, stdin_fd: int, received: Iterator[bytes] | None, scratch: str,
    settings: Settings | None, tell: Numbering,
) -> Context:  # fmt: skip
    """The context, and the Dockerfile in it."""
    tell.began(report.DEFINITION, "[internal] load build definition")
    if received is None:
        found = context.open(options, stdin_fd, scratch, settings or Settings())
    else:
        # Imported here: only clients of the API send one.
        from cuddy.builder import received_context

        found = received_context.unpack(options, received, scratch, settings or Settings())
    tell.ended(report.DEFINITION)
    return found


def make(
    home: Home, options: BuildOptions, found: Context, scratch: str, settings: Settings | None,
    tell: Numbering,
) -> list[Finished]:  # fmt: skip
    """Build for each platform, with a lease and a directory for what is made meanwhile."""
    registry = beginnings.Registry(settings, options.pull)
    imports = open_imports(home, options, settings, tell)
    compresses = export.needs_blobs(options)
    made: list[Finished] = []
    for text in options.platforms or ("",):
        target = platform.parse(text)
        wanted = plan.read(home, options, found, target, imports)
        one = driver.Driver(wanted, found, target, registry, scratch, tell, compresses=compresses)
        made.append(one.run(complains=not made))  # it is the same for all platforms
        tell.restart()
    return made


def open_imports(
    home: Home, options: BuildOptions, settings: Settings | None, tell: Numbering
) -> Imports | None:
    """The caches elsewhere that may be used."""
    if not options.cache_from:
        return None
    # Imported here: most builds have none.
    from cuddy.builder.cache_from import Imports

    return Imports(home, options.cache_from, settings or Settings(), tell.warn)
