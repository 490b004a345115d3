"""What a stage begins with: nothing, or an image of the store, brought from its registry if it is
not there.

The caller holds `store.lease`, so that what was found stays.
"""

from __future__ import annotations

from cuddy.builder.state import Layer, State
from cuddy.engine import defaults
from cuddy.errors import InvalidArgument, NoSuchImage, RegistryError
from cuddy.image import history as histories
from cuddy.image import host, index, platform, store
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.platform import Platform
    from cuddy.image.pull import Report
    from cuddy.image.settings import Settings
    from cuddy.image.spec import RunConfig
    from cuddy.image.store import Image


class Registry(NamedTuple):
    """How images come that are not here. `settings`: None if none may come."""

    settings: Settings | None
    pull: bool = False  # also those that are here, if the registry has newer ones
    progress: Report | None = None


def scratch(target: Platform) -> State:
    """An image of nothing, as BuildKit begins with."""
    config: RunConfig = {"Env": [defaults.PATH], "WorkingDir": "/"}
    return State((), config, (), str(target))


def find(home: Home, name: str, target: Platform, registry: Registry) -> Image:
    """The image of that name for a platform. Raises NoSuchImage, InvalidArgument, RegistryError."""
    if name == host.NAME:
        hint = "it has no layers of its own; name an image that 'cuddy images' lists"
        raise InvalidArgument(f"a build cannot stand on {host.NAME!r}", hint=hint)
    other = ""
    if not registry.pull:
        try:
            image = store.resolve(home.storage, name)
        except NoSuchImage:
            if registry.settings is None:
                raise
        else:
            found = platform.of(image.config)
            if found in platform.preference(target):
                return image
            other = f"the one here is for {found}, not for {target}"
    if registry.settings is None:
        raise NoSuchImage(name, hint=other)
    # Imported here: what is in the store needs no registry.
    from cuddy.engine import pull

    try:
        return pull.pull(
            home, name, platform=str(target), settings=registry.settings, progress=registry.progress
        )
    except (RegistryError, NoSuchImage) as error:
        error.hint = other or error.hint
        raise


def state_of(home: Home, image: Image) -> State:
    """The image as a stage begins with it: a PATH is always there, as with Docker."""
    manifest = index.manifest(home.storage, image.manifest)
    sizes = index.layer_sizes(image.manifest, len(image.chain_ids))
    if sizes is None:
        known = store.layer_sizes(home.storage, image.chain_ids)
        sizes = tuple(known[chain_id] for chain_id in image.chain_ids)
    layers = tuple(
        Layer(chain_id, diff_id, size, "", blob)
        for chain_id, diff_id, size, blob in zip(
            image.chain_ids, image.config["rootfs"]["diff_ids"], sizes, manifest["layers"]
        )
    )
    config: Any = {key: value for key, value in (image.config.get("config") or {}).items() if value}
    if not any(entry.startswith("PATH=") for entry in config.get("Env") or ()):
        config["Env"] = [defaults.PATH, *(config.get("Env") or ())]
    found = platform.of(image.config)
    told = tuple(histories.complete(image.config))
    return State(layers, config, told, str(found or platform.host()))


def resolve(home: Home, name: str, target: Platform, registry: Registry) -> State:
    """The state of a base: `scratch`, or an image of that name. Raises as `find`."""
    if name == "scratch":
        return scratch(target)
    return state_of(home, find(home, name, target, registry))
