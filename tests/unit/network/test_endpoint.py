"""Places on networks that are given back."""

from __future__ import annotations

from pathlib import Path

from cuddy import files
from cuddy.network import endpoint, ipam
from cuddy.network.network import Network


def test_what_an_earlier_version_left_keeps_no_address_from_being_given_back(
    tmp_path: Path,
) -> None:
    run_dir = str(tmp_path)
    files.write_json(f"{run_dir}/bridge.json", {"last": "172.18.0.2", "leases": {}}, durable=False)
    net = Network("1" * 64, "net", pools=(ipam.Pool("10.1.0.0/24", "10.1.0.1"),))
    assert endpoint.lease(run_dir, net, "c" * 64).address == "10.1.0.2"
    endpoint.release(run_dir, "c" * 64)
    assert ipam.read_leases(f"{run_dir}/{net.id}.json") == {}
