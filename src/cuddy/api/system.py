"""The engine itself: ping, version, info."""

from __future__ import annotations

from cuddy.engine import info as engine_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call


def ping(call: Call) -> None:
    """The headers of the answer are the answer: clients read versions from them."""
    call.answer_headers["Cache-Control"] = "no-cache, no-store, must-revalidate"
    call.answer_headers["Pragma"] = "no-cache"
    call.send(b"OK", "text/plain; charset=utf-8")


def version(call: Call) -> None:
    """Versions of the engine and of the API."""
    call.answer(engine_info.version())


def info(call: Call) -> None:
    """What the engine has, and what this machine offers."""
    call.answer(engine_info.info(call.home) | _for_clients())


def _for_clients() -> dict[str, Any]:
    """What clients look for that says nothing about this engine."""
    hub = {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True}
    no_commit = {"ID": "", "Expected": ""}
    return {
        "BridgeNfIptables": _is_on("bridge-nf-call-iptables"),
        "BridgeNfIp6tables": _is_on("bridge-nf-call-ip6tables"),
        "RegistryConfig": {
            "AllowNondistributableArtifactsCIDRs": None,
            "AllowNondistributableArtifactsHostnames": None,
            "InsecureRegistryCIDRs": ["127.0.0.0/8", "::1/128"],
            "IndexConfigs": {"docker.io": hub},
            "Mirrors": None,
        },
        "ContainerdCommit": no_commit,
        "RuncCommit": no_commit,
        "InitCommit": no_commit,
        "CDISpecDirs": [],
    }


def _is_on(name: str) -> bool:
    return engine_info.read_text(f"/proc/sys/net/bridge/{name}").strip() == "1"
