"""The stages in which `run --step` builds a container, in order, with what there is to say of each.

One list: what is done is in run_step.py (from outside) and run_step_inside.py (in there), in
functions with the names of the stages; nothing of it is told anywhere else.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple


class Stage(NamedTuple):
    """One lock, and what there is to know of it."""

    name: str
    title: str
    text: str
    manual: str  # man pages
    files: tuple[str, ...]  # of ours that do it, below src/cuddy
    calls: frozenset[str]  # the system calls that are worth showing
    exercise: str  # commands for the shell of this stage
    answer: str  # what they show, and why
    kind: str = ""  # of the namespace, in the words of config.json
    own_root: bool = False  # the shell is the image's from here on


STAGES = (
    Stage(
        "process",
        "a plain process",
        "It was cloned, and got a session of its own. It sees, uses and may do all that you"
        " see, use and may do. Nothing is locked yet.",
        "clone(2), setsid(2)",
        ("kernel/process.py",),
        frozenset(("clone3",)),
        "echo $$; hostname; ls /",
        "Everything is the host's: the shell's number is one of those that ps shows to anybody.",
    ),
    Stage(
        "pid",
        "a view of processes of its own",
        "No process can change its own number, so a new one was cloned: the first one of a new"
        " pid namespace. The host has a number for it as well. But ps still shows all: it reads"
        " /proc, and that is still the host's.",
        "pid_namespaces(7), clone(2)",
        ("kernel/process.py", "runtime/create.py"),
        frozenset(("clone3", "setns")),
        "echo $$ $PPID; ls /proc | grep -c '^[0-9]'",
        "Small numbers in here, and a /proc that knows them only by those out there.",
        kind="pid",
    ),
    Stage(
        "names",
        "a name of its own",
        "The host name, System V memory and POSIX queues have namespaces, too: the process"
        " moved into new ones, and called itself by the container's name. The host's name is"
        " what it was.",
        "uts_namespaces(7), ipc_namespaces(7), sethostname(2)",
        ("kernel/namespaces.py",),
        frozenset(("unshare", "setns", "sethostname", "setdomainname")),
        "hostname; hostname changed; hostname",
        "In another terminal, hostname still says the host's name.",
        kind="uts",
    ),
    Stage(
        "mounts",
        "mounts of its own",
        "It got a copy of the list of mounts: what is mounted in there, nobody sees out here. A"
        " new proc was mounted over /proc, which shows the processes of the pid namespace that"
        " it was mounted in. Now ps shows one.",
        "mount_namespaces(7), mount(2), proc(5)",
        ("kernel/mount.py", "runtime/rootfs.py"),
        frozenset(("unshare", "mount", "mount_setattr")),
        "ls /proc | grep '^[0-9]'; mount -t tmpfs none /mnt; touch /mnt/here; ls /mnt",
        "In another terminal /mnt is as it was. But every file that is not on a mount of its"
        " own is still the host's: take care.",
        kind="mount",
    ),
    Stage(
        "root",
        "a root of its own",
        "The lowest layer of the image was mounted read-only, and pivot_root made it the root;"
        " the host's was taken off. Not one path leads back, as it would after chroot. There is"
        " no /dev yet, and nothing can be written.",
        "pivot_root(2), chroot(2)",
        ("kernel/pivot_root.py",),
        frozenset(("mount", "pivot_root", "umount2")),
        "ls /; touch /mine; cat /proc/mounts",
        "touch fails: all containers of the image share this directory.",
        own_root=True,
    ),
    Stage(
        "union",
        "a file system of layers",
        "All layers of the image were stacked by overlayfs, and over them an empty directory"
        " that takes what is written. The stack became the root. In it are now the kernel's file"
        " systems, a /dev of a few harmless devices, and what -v asked for.",
        "mount(8) overlay, Documentation/filesystems/overlayfs.rst",
        ("kernel/overlay.py", "image/snapshots.py", "runtime/rootfs.py", "runtime/devices.py"),
        frozenset(("mount", "open_tree", "move_mount", "pivot_root", "umount2")),
        "touch /mine; ls /dev; grep ' / ' /proc/mounts",
        "On the host, `find` shows it in the directory 'upper' of the container, and the image"
        " is as it was. It is there when your command runs, too.",
        own_root=True,
    ),
    Stage(
        "cgroup",
        "limits on what it uses",
        "A control group is a directory, a limit is a number in a file of it. They were made,"
        " and the process moved in. A cgroup namespace makes that group the top of what it sees.",
        "cgroups(7), cgroup_namespaces(7)",
        ("kernel/cgroup.py", "runtime/resources.py"),
        frozenset(("unshare", "setns")),
        "cat /proc/self/cgroup; ls /sys/fs/cgroup",
        "Its own group is called / in there; out here it has the container's id for a name.",
        kind="cgroup",
        own_root=True,
    ),
    Stage(
        "network",
        "a network of its own",
        "It moved into a new network namespace, where there was a loopback link, and that was"
        " down. A cable (veth) was laid from there to the host's bridge, and it got an address"
        " and a route. sysfs was mounted once more, as it shows the links of the network it was"
        " mounted in.",
        "network_namespaces(7), veth(4), ip-link(8)",
        ("network/bridge.py", "kernel/rtnetlink.py", "engine/connection.py"),
        frozenset(("unshare", "setns")),
        "cat /proc/net/dev; cat /etc/resolv.conf",
        "The host's links are gone; its ports are free in here.",
        kind="network",
        own_root=True,
    ),
    Stage(
        "powers",
        "fewer powers",
        "Root's power comes in pieces, and most of them were given up for good; a filter looks"
        " at every system call; what /proc and /sys tell of the whole machine is covered. From"
        " here on it cannot undo any of the stages before. (The second process is the one that"
        " gave up its power, to be looked at.)",
        "capabilities(7), seccomp(2), credentials(7)",
        ("runtime/credentials.py", "kernel/capabilities.py", "kernel/seccomp.py",
         "runtime/masks.py"),
        frozenset(("capset", "prctl", "seccomp", "mount", "move_mount")),
        "id -u; mount -t tmpfs none /mnt; hostname other; cat /proc/timer_list",
        "It is still root, but mount and hostname fail for want of CAP_SYS_ADMIN, and the list"
        " of the machine's timers is empty.",
        own_root=True,
    ),
)  # fmt: skip
"""The order of a course. The engine takes another one (runtime/init.py: STEPS), as all of it is
needed at the end, and what is made first can be used up first: groups come before all else."""
