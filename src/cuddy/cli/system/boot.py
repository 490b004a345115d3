"""`cuddy system boot`: start the containers that should run, after the machine has.

`--unit` prints the systemd unit that has it done: there is no daemon that would.
"""

from __future__ import annotations

import sys

from cuddy.cli import boundary, units
from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.engine import boot, container, start
from cuddy.engine.home import open_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

UNIT = """\
# Written by 'cuddy system boot --unit'. Install it with:
#   cuddy system boot --unit > /etc/systemd/system/cuddy.service
#   systemctl daemon-reload && systemctl enable --now cuddy.service
[Unit]
Description=Containers of cuddy that come back after a boot
Wants=network-online.target
After=network-online.target local-fs.target nftables.service firewalld.service

[Service]
Type=oneshot
RemainAfterExit=yes
# A container that does not start is no reason to stop the others.
ExecStart=-{program} system boot
ExecStop={program} system halt
TimeoutStartSec=infinity
TimeoutStopSec=5min
# The processes that watch over containers end with their containers, not with this unit's commands.
KillMode=process
OOMPolicy=continue

[Install]
WantedBy=multi-user.target
"""


def boot_(home: Home, args: Args) -> int:
    if args.unit:
        sys.stdout.write(UNIT.format(program=units.program(home)))
        return 0
    home = open_home(*home)

    def start_one(name: str) -> None:
        boundary.warn(start.start(home, name))

    codes = [
        boundary.all_at_once([container.display_name(each) for each in wave], start_one)
        for wave in boot.waves(boot.find(home))
    ]
    return max(codes, default=0)


COMMAND = Command(
    summary="Start the containers that should run after a boot",
    flags=(
        Flag("unit", "", BOOL, "Print a systemd unit that does it, and stops them at shutdown"),
    ),
    most=0,
    action=boot_,
    opens_home=False,
)
