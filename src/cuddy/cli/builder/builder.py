"""`cuddy buildx inspect`: the builder there is."""

from __future__ import annotations

from cuddy.builder import instance
from cuddy.cli.flags import BOOL, Args, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def builder(home: Home, args: Args) -> int:
    found = instance.find(args.names[0] if args.names else "")
    rows = {"Name": found["Name"], "Driver": found["Driver"]}
    print("".join(f"{name + ':':<8}{value}\n" for name, value in rows.items()))
    print("Nodes:")
    for node in found["Nodes"]:
        node_rows = {
            "Name": node["Name"], "Endpoint": node["Endpoint"], "Status": node["Status"],
            "BuildKit version": node["Version"], "Platforms": ", ".join(node["Platforms"]),
        }  # fmt: skip
        print("\n".join(f"{name + ':':<18}{value}" for name, value in node_rows.items()))
    return 0


COMMAND = Command(
    summary="Inspect the builder instance",
    arguments="[NAME]",
    flags=(Flag("bootstrap", "", BOOL, "Ensure builder has booted before inspecting"),),
    most=1,
    action=builder,
)
