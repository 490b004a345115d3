"""How registries are reached: a plain value, built by whoever may read files and environment."""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.image.credentials import Credentials


class Mirror(NamedTuple):
    """Another place of a registry's images, `location` being `host[:port][/path]`."""

    location: str
    pulls: str = "all"
    """Which names are looked for there: `all`, `digest-only` or `tag-only`."""


class Rule(NamedTuple):
    """What is said of the images whose names begin so (containers-registries.conf(5))."""

    prefix: str
    """`host[:port][/path]`, or `*.domain`: every host below it."""
    location: str = ""
    """What stands in the prefix's place when the registry is asked; "" for the prefix itself."""
    mirrors: tuple[Mirror, ...] = ()
    is_blocked: bool = False


class Settings(NamedTuple):
    """Registry configuration. Hosts are written as in image names: `host[:port]`."""

    mirrors: dict[str, tuple[str, ...]] = {}
    """Registry -> `[scheme://]host[:port][/prefix]` of its mirrors, tried in order before it."""
    rules: tuple[Rule, ...] = ()
    """What is said of some registries, or parts of them; the longest prefix counts."""
    insecure: tuple[str, ...] = ()
    """Hosts, `*.domain`s and networks (CIDR) where plain HTTP and unverified TLS will do; loopback
    always is."""
    auth_files: tuple[str, ...] = ()
    """Docker's config.json and the like, in the order in which they are asked."""
    given: dict[str, Credentials] | None = None
    """Credentials that came with a request, by host: no file is read then."""
    environment: dict[str, str] = {}
    """What credential helpers see; PATH is where they are looked for."""
    certificate_dirs: tuple[str, ...] = ("/etc/containers/certs.d", "/etc/docker/certs.d")
    """`<dir>/<host[:port]>/` has the certificates for one registry; see `certificates`."""
    proxies: dict[str, str] = {}
    """`http`, `https`: URL of the proxy; `no`: comma-separated hosts that are reached directly."""
    timeout_s: float = 30
    """How long a registry may be silent, or all but silent."""
    retry_delay_s: float = 0.5
    """Before the first new attempt; each next one waits twice as long."""
    user_agent: str = "cuddy"
    max_layer_bytes: int = 0
    """What one layer may unpack to; 0: what its compressed size makes believable."""
    max_archive_bytes: int = 0
    """What an archive that is piped or compressed may come to; 0: half of the room there is."""
