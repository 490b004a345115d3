"""The PORTS column of `ps`: neighbouring ports that go straight through are shown as a range.

443/tcp, 0.0.0.0:7001-7003->7001-7003/udp, [::]:8080->80/tcp
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.ports import Port


def ports_text(ports: list[Port]) -> str:
    """All ports, in docker's order: ranges first, then what is published under another number."""
    done, apart = [], []
    ranges: dict[tuple[str, str], tuple[int, int]] = {}
    for port in sorted(ports, key=_order):
        if port.ip and port.public != port.private:
            apart.append(f"{_at(port.ip, str(port.public))}->{port.private}/{port.protocol}")
            continue
        key = (port.ip, port.protocol)
        first, last = ranges.get(key, (0, 0))
        if first and port.private == last + 1:
            ranges[key] = first, port.private
            continue
        if first:
            done.append(_range(key, first, last))
        ranges[key] = port.private, port.private
    return ", ".join([*done, *(_range(key, *ends) for key, ends in ranges.items()), *apart])


def _order(port: Port) -> tuple[int, bool, str, int, str]:
    return port.private, ":" in port.ip, port.ip, port.public, port.protocol


def _range(key: tuple[str, str], first: int, last: int) -> str:
    ip, protocol = key
    text = str(first) if first == last else f"{first}-{last}"
    return f"{_at(ip, text)}->{text}/{protocol}" if ip else f"{text}/{protocol}"


def _at(ip: str, port: str) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
