"""Slurm runs containers with our runtime: a real controller and two nodes (docs/scale-out.md).

Skipped without Debian's slurmctld, slurmd, slurm-client and munge.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import isolation
import slurm
from bundles import PROGRAM, Bundle
from console import is_alive, wait_until
from outside import Outside

NAME = isolation.name()


@pytest.fixture(scope="module")
def the_cluster(
    tmp_path_factory: pytest.TempPathFactory, outside: Outside
) -> Iterator[slurm.Cluster]:
    """`outside`: where there is nothing but loopback, Slurm resolves no address at all."""
    slurm.need()
    made = slurm.Cluster(tmp_path_factory.mktemp("slurm"), NAME, PROGRAM)
    yield made
    made.close()


@pytest.fixture
def cluster(the_cluster: slurm.Cluster) -> Iterator[slurm.Cluster]:
    """The cluster without a job and a container, before and after."""
    yield the_cluster
    wait_until(lambda: not the_cluster("squeue", "-h").out.strip())
    wait_until(lambda: the_cluster.containers() == [])


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle as a user of Slurm has it, in the cgroup that its name makes."""
    made = Bundle(tmp_path / "bundle")
    made.namespace("cgroup", None)
    made.process["terminal"] = False
    return made.write().path


def test_srun_runs_a_bundle_on_both_nodes(cluster: slurm.Cluster, bundle: Path) -> None:
    script = "tail -n 1 /proc/self/cgroup; echo $SLURM_JOB_NUM_NODES of $(pwd)"
    done = cluster("srun", "-N2", f"--container={bundle}", "sh", "-c", script)
    assert done.code == 0, done.err
    places = [line for line in done.out.splitlines() if NAME in line]
    assert {place.partition(".")[0].rpartition("-")[2] for place in places} == {"1", "2"}
    assert done.out.count("2 of /") == 2


def test_the_exit_code_is_the_programs(cluster: slurm.Cluster, bundle: Path) -> None:
    assert cluster("srun", f"--container={bundle}", "sh", "-c", "exit 7").code == 7


def test_what_cannot_be_run_is_said(cluster: slurm.Cluster, bundle: Path) -> None:
    done = cluster("srun", f"--container={bundle}", "no-such-program")
    assert done.code != 0
    assert 'exec: \\"no-such-program\\": executable file not found' in done.err


@contextmanager
def begun(cluster: slurm.Cluster, bundle: Path, script: str) -> Iterator[None]:
    """A job that has said in its container that it began; it is waited for."""
    command = ["srun", f"--container={bundle}", "sh", "-c", script]
    with subprocess.Popen(
        command, env=cluster.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as job:  # fmt: skip
        assert job.stdout is not None
        assert job.stdout.readline() == b"began\n"
        yield


def test_a_cancelled_job_leaves_no_container(cluster: slurm.Cluster, bundle: Path) -> None:
    """One that heeds SIGTERM: Slurm takes seconds until it kills those that do not."""
    with begun(cluster, bundle, "trap exit TERM; echo began; sleep 1000 & wait"):
        assert len(cluster.containers()) == 1
        cluster("scancel", "--user=root")
    wait_until(lambda: cluster.containers() == [])


def test_one_that_heeds_no_sigterm_is_killed(cluster: slurm.Cluster, bundle: Path) -> None:
    """By Slurm, KillWait seconds later; then it has the runtime delete the container."""
    with begun(cluster, bundle, "trap '' TERM; echo began; sleep 1000; sleep 1000"):
        (name,) = cluster.containers()
        pid = json.loads((cluster.directory / "run" / name / "state.json").read_text())["pid"]
        cluster("scancel", "--user=root")
        wait_until(lambda: not is_alive(pid), timeout=60)
    wait_until(lambda: cluster.containers() == [])


def test_a_batch_job_runs_in_a_container(
    cluster: slurm.Cluster, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("sbatch", "--wait", f"--container={bundle}", f"--output={out}")
    done = cluster(*words, "--wrap", "readlink /proc/1/exe")
    assert done.code == 0, done.err
    assert out.read_text() == "/bin/busybox\n"
