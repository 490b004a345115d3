"""A Slurm cluster of two nodes on this machine, with a munge of its own: for tests that schedule.

Everything listens on loopback and writes below one directory. The daemons are ended by their pids.
docs/scale-out.md shows the same configuration for a cluster.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from console import Result, wait_until

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scancel", "sinfo", "squeue")
CONTAINER = "%n.%u.%j.%s.%t"
"""A name for each container: node, user, job, step, task."""

SLURM_CONF = """
ClusterName=cuddy
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/munge/socket
CredType=cred/munge
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool-%n
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/%n.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/builtin
SelectType=select/linear
ReturnToService=2
KillWait=1
NodeName={name}-1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 State=UNKNOWN
NodeName={name}-2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=5 State=UP
"""

# Slurm gives each line to a shell: without `exec`, that shell is what a cancelled job ends first.
# `--keep`, since Slurm asks for the state of what has ended, and deletes it itself.
OCI_CONF = """
ContainerPath={directory}/oci/%n.%j.%s.%t
CreateEnvFile=false
RunTimeQuery="{runtime} --root={directory}/run state {container}"
RunTimeRun="exec {runtime} --root={directory}/run run --keep --bundle %b {container}"
RunTimeKill="{runtime} --root={directory}/run kill --all {container}"
RunTimeDelete="{runtime} --root={directory}/run delete --force {container}"
"""


class Cluster:
    """Controller, two nodes and munge; `name` begins the nodes' names."""

    def __init__(self, directory: Path, name: str, runtime: Sequence[str]) -> None:
        self.directory = directory
        for needed in ("conf", "state", "oci", "munge"):
            (directory / needed).mkdir(parents=True, mode=0o755)
        values = {
            "directory": directory, "name": name, "host": os.uname().nodename.partition(".")[0],
            "ports": free_ports(3), "runtime": shlex.join(runtime), "container": CONTAINER,
        }  # fmt: skip
        (directory / "conf/slurm.conf").write_text(SLURM_CONF.format_map(values))
        (directory / "conf/oci.conf").write_text(OCI_CONF.format_map(values))
        self.environment = {**os.environ, "SLURM_CONF": str(directory / "conf/slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []
        try:
            self._start(name)
        except BaseException:
            self.close()
            raise

    def _start(self, name: str) -> None:
        munge = self.directory / "munge"
        (munge / "key").write_bytes(os.urandom(128))
        (munge / "key").chmod(0o400)
        places = [f"--{word}={munge}/{word}" for word in ("socket", "pid-file", "log-file")]
        self._daemon(
            "munged", "-F", "-f", f"--key-file={munge}/key", f"--seed-file={munge}/seed", *places
        )
        wait_until((munge / "socket").exists)
        self._daemon("slurmctld", "-D")
        for number in (1, 2):
            self._daemon("slurmd", "-D", "-N", f"{name}-{number}")
        wait_until(lambda: self("sinfo", "-h", "-o", "%T %D").out.strip() == "idle 2")

    def _daemon(self, *command: str) -> None:
        with open(self.directory / f"{len(self._daemons)}-{command[0]}.out", "wb") as out:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )  # fmt: skip
            )

    def __call__(self, *words: object) -> Result:
        """One of Slurm's commands."""
        done = subprocess.run(
            list(map(str, words)), env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=60,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def containers(self) -> list[str]:
        """Those that the runtime knows."""
        run = self.directory / "run"
        return sorted(entry.name for entry in run.iterdir()) if run.exists() else []

    def close(self) -> None:
        """End the daemons, newest first."""
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody has."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def need() -> None:
    """Skip where Slurm is not installed."""
    for program in PROGRAMS:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: packages slurmctld slurmd slurm-client munge")
