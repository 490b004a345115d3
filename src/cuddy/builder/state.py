"""The image under construction: what a stage has made so far. JSON-able, as stages are built by
processes that tell each other.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.image.spec import Descriptor, History, RunConfig


class Layer(NamedTuple):
    """One layer of the store. `created`: when its step ran (RFC 3339)."""

    chain_id: str
    diff_id: str
    size_bytes: int  # of its files
    created: str
    blob: Descriptor | None = None  # its compressed form; None: not made yet


class State(NamedTuple):
    """What an image would be if it were finished here; lists have the lowest first."""

    layers: tuple[Layer, ...]
    config: RunConfig  # the section `config` of the image's config
    history: tuple[History, ...]
    platform: str  # os/architecture[/variant]
    author: str = ""

    @property
    def chain_ids(self) -> list[str]:
        """The chain ids of the layers."""
        return [layer.chain_id for layer in self.layers]
