"""What containers keep: the images they were made of, and the layers they stand on.

Asked while the store is locked, so records are read as they are and nothing is cleared up.
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine import container, liveness, sandbox_layers
from cuddy.errors import CorruptContent, NoSuchContainer
from cuddy.image.rmi import User
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


class Claim(NamedTuple):
    """What one container keeps."""

    container_id: str
    is_running: bool
    image_id: str
    chain_ids: tuple[str, ...]


class InUse(NamedTuple):
    """What all containers keep. `unreadable`: ids of containers that cannot say what they need."""

    claims: tuple[Claim, ...]
    unreadable: tuple[str, ...]

    def users(self, image_id: str) -> list[User]:
        """The containers of one image."""
        return [
            User(claim.container_id, claim.is_running)
            for claim in self.claims
            if claim.image_id == image_id
        ]

    @property
    def layers(self) -> dict[str, None]:
        """The layers that containers stand on, by chain id."""
        return dict.fromkeys(each for claim in self.claims for each in claim.chain_ids)


def find(home: Home) -> InUse:
    """What the containers of a home keep, just now."""
    claims, unreadable = [], []
    for container_id in files.list_directory(home.containers_dir):
        try:
            record = container.read(home, container_id)
        except NoSuchContainer:
            continue
        except CorruptContent:
            unreadable.append(container_id)
            continue
        runs = record["State"]["Running"] and liveness.monitor_lives(home.run_dir(container_id))
        # Images are also mounted: --mount type=image.
        for each in (record, *(p for p in record.get("Mounts") or () if p.get("ChainIds"))):
            image_id, chain_ids = each.get("Image", ""), tuple(each.get("ChainIds", ()))
            claims.append(Claim(container_id, runs, image_id, chain_ids))
        if "Sandbox" in record:
            kept = tuple(sandbox_layers.claims(home, record))
            claims[-1] = claims[-1]._replace(chain_ids=(*claims[-1].chain_ids, *kept))
    return InUse(tuple(claims), tuple(unreadable))
