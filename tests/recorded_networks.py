"""What the real docker said of networks, and the same commands for cuddy.

tests/golden/networks/*.txt    transcripts, see recorded.py: each is played from its first command
tests/golden/networks/documents.json    what `network inspect` said, by name

`tests/record_networks.py` makes both. Ids of networks and containers are replaced by their names,
made as long as what they stand for, so that tables keep their columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden/networks"
DOCUMENTS = FOLDER / "documents.json"

CREATE = """
network create one
network create one
network create
network create a b
network create " "
network create "a b"
network create a/b
network create ä
network create .x
network create -x
network create bridge
network create host
network create none
network create default
network create -d host two
network create -d null two
network create -d warp two
network create -d overlay two
network create --ingress two
network create --scope swarm two
network create --scope global two
network create --scope local two
network create --attachable --internal three
network create --subnet 10.1.0.0/16 s1
network create --subnet 10.1.2.0/24 s2
network create --subnet 10.1.0.0/16 s2
network create --subnet 10.0.0.0/8 s2
network create --subnet 10.2.0.0/16 --subnet 10.3.0.0/16 s2
network create --subnet 10.2.0.0/16 --subnet 10.2.3.0/24 s2
network create --subnet 10.2.0.0/16 --gateway 10.3.0.1 s2
network create --subnet 10.2.0.0/16 --gateway 10.2.0.1 --gateway 10.2.0.2 s2
network create --subnet 10.2.0.0/16,10.3.0.0/16 --gateway 10.2.0.1,10.2.0.2 s2
network create --gateway 10.2.0.1 s2
network create --ip-range 10.2.0.0/24 s2
network create --subnet 10.2.0.0/16 --ip-range 10.3.0.0/24 s2
network create --subnet 10.2.0.0/16,10.3.0.0/16 --ip-range 10.2.0.0/24 --ip-range 10.2.1.0/24 s2
network create --subnet 10.2.0.0/16 --aux-address a=10.3.0.1 s2
network create --aux-address a=10.3.0.1 s2
network create --aux-address a s2
network create --subnet 10.2.0.0/16 --aux-address a=warp s2
network create --subnet 10.2.0.0/16 --gateway 10.2.0.1 --aux-address a=10.2.0.1 s2
network create --subnet warp s2
network create --subnet warp --gateway 10.2.0.1 s2
network create --subnet 10.2.0.0 s2
network create --subnet 10.2.0.0/33 s2
network create --subnet 10.2.0.0/32 s2
network create --subnet 10.2.0.0/31 s2
network create --subnet 10.2.0.0/16 --gateway warp s2
network create --subnet 10.2.0.0/16 --ip-range warp s2
network create --subnet 10.2.0.0/16 --gateway 10.2.0.0 s2
network create --subnet 10.2.0.0/16 --gateway 10.2.255.255 s2
network create --subnet 10.5.0.0/30 s4
network create --subnet 0.0.0.0/0 s5
network create -o com.docker.network.bridge.name=br-mine full2
network create -o com.docker.network.bridge.name=br-mine full3
network create -o com.docker.network.bridge.name=lo full3
network create -o com.docker.network.driver.mtu=x full3
network create -o com.docker.network.driver.mtu=-1 full3
network create -o com.docker.network.bridge.enable_icc=maybe full3
network create -o com.docker.network.bridge.enable_ip_masquerade=maybe full3
network create -o com.docker.network.bridge.host_binding_ipv4=maybe full3
network create -o unknown=1 full3
network create --ipv6 --subnet fd00:1::/64 v6
network create --subnet fd00:2::/64 v4
network create --ipv6 --subnet fd00:1:0:0:8000::/65 v6b
network create --ipam-driver null ip1
network create --ipam-driver warp ip1
network create --ipam-opt a=b ip1
network create --config-only conf --subnet 10.10.0.0/16 --label q=r
network create --config-from conf from
network create --config-from conf --subnet 10.11.0.0/16 from2
network create --config-from conf --label a=b from2
network create --config-from none from2
network create --config-from warp from2
network create --config-from conf --config-only from2
network create --config-only --internal conf2
network create --config-only --attachable conf2
network rm conf
network rm from conf
network create --label =x lab
network create --label a=b --label a=c lab
network create --opt a lab2
network create -d macvlan -o macvlan_mode=warp mac
network create -d ipvlan -o ipvlan_mode=warp ipv
network create --nope
network ls --format "{{.Name}} {{.Driver}} {{.IPv6}} {{.Internal}} {{.Labels}}"
"""

LS = """
network create --label tier=front --label empty= --label z=1 one
network create --label tier=back two
network create --internal three
network create --ipv6 --subnet fd00:9::/64 six
network create v10
network create v9
network create --config-only conf
network create Zed
create --name idle --network two alpine sleep 1000
network ls
network ls --no-trunc
network ls -q
network ls -q --no-trunc
network list
network ls --format table
network ls --format "table {{.Name}}\\t{{.Driver}}\\t{{.IPv6}}\\t{{.Internal}}\\t{{.Labels}}\\t{{.Scope}}\\t{{.ID}}"
network ls --format "table {{.ID}}\\t{{.Label \\"tier\\"}}"
network ls --format "{{.ID}} {{.Name}} {{.Label \\"tier\\"}} {{.Labels}} {{.IPv6}} {{.Internal}}" --no-trunc
network ls --format "{{.ID}}"
network ls --format raw
network ls --format raw -q
network ls -q --format "{{.Name}}"
network ls --format "{{json .Name}} {{json .Internal}}"
network ls --format "{{.Nope}}"
network ls --format "{{"
network ls --format ""
network ls x
network ls --nope
network ls -f name=one --format "{{.Name}}"
network ls -f name=o --format "{{.Name}}"
network ls -f name=^o --format "{{.Name}}"
network ls -f name=[ --format "{{.Name}}"
network ls -f name= --format "{{.Name}}"
network ls -f name=ONE --format "{{.Name}}"
network ls -f name=one -f name=two --format "{{.Name}}"
network ls -f driver=bridge --format "{{.Name}}"
network ls -f driver=null --format "{{.Name}}"
network ls -f driver=br --format "{{.Name}}"
network ls -f driver=host -f driver=null --format "{{.Name}}"
network ls -f type=custom --format "{{.Name}}"
network ls -f type=builtin --format "{{.Name}}"
network ls -f type=x --format "{{.Name}}"
network ls -f type=custom -f type=builtin --format "{{.Name}}"
network ls -f label=tier --format "{{.Name}}"
network ls -f label=tier=front --format "{{.Name}}"
network ls -f label=tier= --format "{{.Name}}"
network ls -f label=empty= --format "{{.Name}}"
network ls -f label=tier -f label=z --format "{{.Name}}"
network ls -f label!=tier --format "{{.Name}}"
network ls -f scope=local --format "{{.Name}}"
network ls -f scope=swarm --format "{{.Name}}"
network ls -f scope=x --format "{{.Name}}"
network ls -f dangling=true --format "{{.Name}}"
network ls -f dangling=false --format "{{.Name}}"
network ls -f dangling=1 --format "{{.Name}}"
network ls -f dangling=x --format "{{.Name}}"
network ls -f dangling=true -f dangling=false --format "{{.Name}}"
network ls -f dangling= --format "{{.Name}}"
network ls -f id= --format "{{.Name}}"
network ls -f id=zz --format "{{.Name}}"
network ls -f nope=x
network ls -f x
network ls -f =x
network ls -f Name=one --format "{{.Name}}"
network ls -f driver=bridge -f label=tier --format "{{.Name}}"
inspect --type network bridge -f "{{.Name}}"
inspect one bridge -f "{{.Name}}"
inspect nope
inspect --type network nope
network rm two
network inspect two
start idle
"""  # noqa: E501

VERBS = """
network create --label tier=front --label empty= -o com.docker.network.bridge.name=br-one --subnet 10.20.0.0/16 one
network create --label tier=back two
network create --internal three
run -d --name web --network one --network-alias www --ip 10.20.0.9 alpine sleep 1000
run -d --name db --network two alpine sleep 1000
create --name idle --network two alpine sleep 1000
run --name over --network two alpine true
network inspect
network inspect nope
network inspect one nope two -f {{.Name}}
network inspect -f "{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.Labels}} {{.Options}}" one two
network inspect -f "{{range .Containers}}{{.Name}} {{.IPv4Address}} {{.IPv6Address}}{{end}}" one
network inspect -f "{{range .IPAM.Config}}{{.Subnet}}{{end}}" one
network inspect -f "{{.Nope}}" one
network inspect -f "{{" one
network inspect -v -f "{{.Id}}" one
network rm one
network rm bridge
network rm host
network rm none
network rm nope
network rm -f nope
network rm -f nope two one
network rm
network connect one db
network connect one db
network connect one idle
network connect one nope
network connect nope db
network connect one
network connect host db
network connect none db
network connect --ip 10.20.0.77 one over
network connect --ip 10.20.0.77 bridge web
network connect --alias x bridge idle
network disconnect one db
network disconnect one db
network disconnect -f one db
network disconnect one nope
network disconnect nope db
network disconnect -f one nope
network disconnect one
network disconnect host db
network connect two web
ps -a --format "{{.Names}}" -f network=one
ps -a --format "{{.Names}}" -f network=two
ps -a --format "{{.Names}}" -f network=nope
network disconnect two web
run -d --name hosty --network host alpine sleep 1000
network connect one hosty
network disconnect host hosty
run -d --name nony --network none alpine sleep 1000
network connect one nony
network disconnect none nony
network connect one nony
run -d --name shared --network container:web alpine sleep 1000
network connect one shared
network disconnect one shared
rename db database
network inspect two -f "{{range .Containers}}{{.Name}}{{end}}"
network prune
network prune -f --filter until=1h
network prune -f --filter label=tier=front
network prune -f --filter nope=1
network prune -f --filter until=x
network prune -f x
network prune -f --filter label!=tier
network prune -f
rm -f database
network prune -f
system prune -f
network create gone
system prune -f
network ls
"""  # noqa: E501

TRANSCRIPTS = {"create": CREATE, "ls": LS, "verbs": VERBS}

DOCUMENTED = {
    "bridge": "", "host": "", "none": "",
    "plain": "network create plain",
    "full": "network create --subnet 10.2.0.0/16 --aux-address a=10.2.0.5 --aux-address b=10.2.0.6 "
            "--gateway 10.2.255.254 --ip-range 10.2.128.0/17 --label x=y --label z --attachable "
            "--internal -o com.docker.network.bridge.name=br-mine "
            "-o com.docker.network.driver.mtu=1400 --ipam-opt k=v full",
    "dual": "network create --ipv6 --subnet fd00:3::/64 --subnet 10.9.0.0/16 --gateway 10.9.0.3 "
            "--gateway fd00:3::9 dual",
    "conf": "network create --config-only --subnet 10.10.0.0/16 --label q=r conf",
    "from": "network create --config-from conf from",
}  # fmt: skip
"""Networks, and the commands that make them."""

UNKNOWN = re.compile("[0-9a-f]{64}")
VOLATILE = re.compile(r"^(Created|Id|EndpointID|MacAddress)$")


def masked(text: str, ids: Mapping[str, str]) -> str:
    """The text with names in place of ids, as long as these."""
    for identity, name in ids.items():
        for length in (64, 12):
            text = text.replace(identity[:length], f"<{name}>".ljust(length, "~")[:length])
    return UNKNOWN.sub("<of what was not made>", text)


def ended(text: str) -> str:
    """The text with its last line ended, also after a question."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def normal(value: Any, key: str = "") -> Any:
    """A document in which what is never twice the same is told by its type."""
    if isinstance(value, dict):
        return {name: normal(value[name], name) for name in value}
    if isinstance(value, list):
        return [normal(each) for each in value]
    return type(value).__name__ if VOLATILE.match(key) else value


def documents() -> dict[str, Any]:
    """What docker said."""
    found: dict[str, Any] = json.loads(DOCUMENTS.read_text())
    return found
