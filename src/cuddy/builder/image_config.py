"""What a stage has come to, as the config of an image. Pure.

Equal states make equal bytes, whatever the order in which things were said: fields and names are
in the order in which Docker's own writer has them.
"""

from __future__ import annotations

from cuddy.image.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.builder.state import State
    from cuddy.image.spec import ImageConfig, RunConfig

RUN_FIELDS = (
    "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels",
    "StopSignal", "Healthcheck", "Shell", "OnBuild",
)  # fmt: skip
"""The order in which a config has them; what else a base has comes after them, by name."""
SORTED_FIELDS = ("ExposedPorts", "Volumes", "Labels")


def build_config(state: State, created: str, labels: Mapping[str, str]) -> ImageConfig:
    """The config of an image. `labels`: those of the command line."""
    os_name, architecture, *variant = state.platform.split("/")
    run_config = state.config
    if labels:
        run_config = {**run_config, "Labels": {**(run_config.get("Labels") or {}), **labels}}
    config: ImageConfig = {
        "created": created,
        "author": state.author,
        "architecture": architecture,
        "os": os_name,
        "variant": "".join(variant),
        "config": in_order(run_config),
        "rootfs": {"type": "layers", "diff_ids": [Digest(each.diff_id) for each in state.layers]},
        "history": list(state.history),
    }
    if not state.author:
        del config["author"]
    if not variant:
        del config["variant"]
    return config


def in_order(config: RunConfig) -> RunConfig:
    """The same config without what says nothing, everything in its place."""
    left: dict[str, Any] = {name: value for name, value in config.items() if value}
    for name in SORTED_FIELDS:
        if isinstance(left.get(name), dict):
            left[name] = dict(sorted(left[name].items()))
    names = [name for name in RUN_FIELDS if name in left]
    names += sorted(left.keys() - set(RUN_FIELDS))
    result: Any = {name: left[name] for name in names}
    ordered: RunConfig = result
    return ordered
