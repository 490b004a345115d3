"""A service that answers on a message bus as systemd's manager does, for machines without systemd.

    python tests/systemd_stand_in.py SOCKET PARENT LOG

It makes real control groups, below PARENT, and moves real processes; each call is a line of JSON in
LOG. What it does and says is what systemd 252 was seen to do; with systemd itself the same tests
run when there is one (CUDDY_TESTS_SYSTEMD=1).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from cuddy.kernel import cgroup
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import dbus
from cuddy.runtime.dbus import Bus, Message

SERVICE = "org.freedesktop.systemd1"
TRACKING = ("unified", "name=systemd")


class Manager:
    """The scopes, and the bus on which they are asked for."""

    def __init__(self, bus: Bus, parent: str, log: str) -> None:
        self.bus = bus
        self.parent = parent
        self.log = log
        self.scopes: dict[str, Cgroup] = {}
        self.jobs = 0
        self.last = ""

    def serve(self) -> None:
        self.bus.call(dbus.BUS, "/org/freedesktop/DBus", dbus.BUS, "RequestName", "su", SERVICE, 4)
        print("ready", flush=True)
        while True:
            message = self.bus.receive()
            if message.kind == dbus.CALL:
                self.answer(message)

    def answer(self, message: Message) -> None:
        member = str(message.fields[dbus.MEMBER])
        with open(self.log, "a") as log:
            log.write(json.dumps([member, message.body]) + "\n")
        fields = {
            dbus.DESTINATION: message.fields[dbus.SENDER],
            dbus.REPLY_SERIAL: message.serial,
        }
        try:
            signature, values = getattr(self, member, self.unknown)(*message.body)
        except KeyError as error:
            name = {dbus.ERROR_NAME: f"{SERVICE}.{error.args[0]}"}
            self.bus.send(dbus.ERROR, fields | name, "s", f"Unit {error.args[1]}.")
            return
        self.bus.send(dbus.REPLY, fields, signature, *values)
        if signature == "o" and member != "GetUnit":
            self.announce(values[0], message.body[0])

    def announce(self, job: str, unit: str) -> None:
        """The signal that a job is done."""
        fields = {
            dbus.PATH: "/org/freedesktop/systemd1",
            dbus.INTERFACE: f"{SERVICE}.Manager",
            dbus.MEMBER: "JobRemoved",
        }
        self.bus.send(dbus.SIGNAL, fields, "uoss", self.jobs, job, unit, "done")

    def job(self) -> tuple[str, list[Any]]:
        self.jobs += 1
        return "o", [f"/org/freedesktop/systemd1/job/{self.jobs}"]

    def unknown(self, *_: object) -> tuple[str, list[Any]]:
        raise KeyError("UnknownMethod", "is no method")

    def sweep(self) -> None:
        """A scope ends when its last process does."""
        for unit, group in list(self.scopes.items()):
            if not group.pids():
                group.remove()
                del self.scopes[unit]

    def StartTransientUnit(  # noqa: N802
        self, unit: str, _mode: str, told: list[Any], _others: list[Any]
    ) -> tuple[str, list[Any]]:
        self.sweep()
        if unit in self.scopes:
            raise KeyError("UnitExists", f"{unit} was already loaded or has a fragment file")
        properties = {name: value for name, (_, value) in told}
        paths = {}
        for hierarchy in cgroup.find().all:
            if set(hierarchy.keys) & set(TRACKING):
                directory = hierarchy.directory(f"/{self.parent}/{unit}")
                os.makedirs(directory, exist_ok=True)
                paths.update(dict.fromkeys(hierarchy.keys, directory))
        self.scopes[unit] = Cgroup(paths)
        for pid in properties["PIDs"]:
            self.scopes[unit].attach(pid)
        return self.job()

    def StopUnit(self, unit: str, _mode: str) -> tuple[str, list[Any]]:  # noqa: N802
        self.sweep()
        if unit not in self.scopes:
            raise KeyError("NoSuchUnit", f"{unit} not loaded")
        self.scopes[unit].kill()
        self.scopes.pop(unit).remove()
        return self.job()

    def GetUnit(self, unit: str) -> tuple[str, list[Any]]:  # noqa: N802
        if unit not in self.scopes:
            raise KeyError("NoSuchUnit", f"{unit} not loaded")
        escaped = "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in unit)
        self.last = unit
        return "o", [f"/org/freedesktop/systemd1/unit/{escaped}"]

    def Get(self, _interface: str, _name: str) -> tuple[str, list[Any]]:  # noqa: N802
        return "v", [("s", f"/{self.parent}/{self.last}")]

    def Subscribe(self) -> tuple[str, list[Any]]:  # noqa: N802
        return "", []

    def ResetFailedUnit(self, unit: str) -> tuple[str, list[Any]]:  # noqa: N802
        if unit not in self.scopes:
            raise KeyError("NoSuchUnit", f"{unit} not loaded")
        return "", []

    def SetUnitProperties(  # noqa: N802
        self, unit: str, _runtime: bool, _told: list[Any]
    ) -> tuple[str, list[Any]]:
        if unit not in self.scopes:
            raise KeyError("NoSuchUnit", f"{unit} not loaded")
        return "", []


if __name__ == "__main__":
    with Bus(sys.argv[1]) as connection:
        Manager(connection, sys.argv[2], sys.argv[3]).serve()
