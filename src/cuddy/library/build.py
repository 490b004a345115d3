"""`cuddy.build`: an image from a Dockerfile.

import cuddy

built = cuddy.build(".", tags=["web"], build_args={"VERSION": "1.2"})
print(built.image_id)
"""

from __future__ import annotations

import os

from cuddy.builder.options import BuildOptions
from cuddy.engine.home import DEFAULT_ROOT, DEFAULT_RUN_ROOT, open_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from cuddy.builder.built import Built
    from cuddy.builder.report import Event
    from cuddy.image.settings import Settings


def build(
    context: str | os.PathLike[str] = ".", *, tags: Iterable[str] = (),
    dockerfile: str | os.PathLike[str] = "", target: str = "",
    build_args: Mapping[str, str | None] | None = None,
    build_contexts: Mapping[str, str] | None = None, labels: Mapping[str, str] | None = None,
    secrets: Iterable[str] = (), platform: str = "", network: str = "",
    outputs: Iterable[str] = (), timestamp: int | None = None, pull: bool = False,
    no_cache: bool = False, stdin_fd: int = -1,
    on_event: Callable[[Event], object] | None = None, options: BuildOptions | None = None,
    settings: Settings | None = None,
    root: str | os.PathLike[str] = "", run_root: str | os.PathLike[str] = "",
) -> Built:  # fmt: skip
    """Build an image and return what it is. Raises CuddyError; StepFailed if a step fails.

    `build_args`: None is what the environment says. `secrets`: as --secret has them. `on_event`:
    hears what `builder/report.py` lists. `options`: what has no parameter of its own here;
    parameters that are given count. `stdin_fd`: what "-" reads. `settings`: how registries are
    reached, if not as the machine's files say. `root`, `run_root`: the home; without them
    CUDDY_ROOT and CUDDY_RUNROOT, or the usual one.
    """
    given: dict[str, Any] = {
        "tags": _texts(tags), "dockerfile": os.fspath(dockerfile), "target": target,
        "build_args": _arguments(build_args), "build_contexts": _pairs(build_contexts),
        "labels": _pairs(labels), "secrets": _texts(secrets), "network": network,
        "platforms": (platform,) if platform else (), "outputs": _texts(outputs),
        "timestamp": timestamp, "pull": pull, "no_cache": no_cache,
    }  # fmt: skip
    start = options or BuildOptions("")
    wanted = start._replace(
        context=os.fspath(context),
        environment=start.environment or tuple(os.environ.items()),
        **{
            key: value
            for key, value in given.items()
            if value or (key == "timestamp" and value == 0)
        },
    )
    return _build(wanted, stdin_fd, on_event, settings, os.fspath(root), os.fspath(run_root))


def _build(
    options: BuildOptions,
    stdin_fd: int,
    on_event: Callable[[Event], object] | None,
    settings: Settings | None,
    root: str,
    run_root: str,
) -> Built:
    # Imported here, as the whole engine is by it: `import cuddy` costs next to nothing.
    from cuddy.builder import build, journal
    from cuddy.engine import registries

    home = open_home(
        root or os.environ.get("CUDDY_ROOT") or DEFAULT_ROOT,
        run_root or os.environ.get("CUDDY_RUNROOT") or DEFAULT_RUN_ROOT,
    )
    options = options._replace(build_id=options.build_id or journal.new_id())
    with journal.Journal(home, options) as kept:

        def tell(event: Event) -> None:
            kept(event)
            if on_event:
                on_event(event)

        settings = settings or registries.settings(os.environ)
        built = build.build(home, options, stdin_fd=stdin_fd, settings=settings, tell=tell)
        kept.image_id = built.image_id
    return built


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    """One text is one, and not its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def _arguments(mapping: Mapping[str, str | None] | None) -> tuple[str, ...]:
    """Build arguments; None is what the environment says, as `--build-arg NAME` means it."""
    found = {
        name: os.environ.get(name) if value is None else value
        for name, value in (mapping or {}).items()
    }
    return _pairs({name: value for name, value in found.items() if value is not None})


def _pairs(mapping: Mapping[str, str] | None) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in (mapping or {}).items())
