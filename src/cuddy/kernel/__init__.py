"""Floor 1: what Linux offers, one concept a file, with the names of the man pages.

Wrappers raise OSError that names the call and its object; no policy lives here.

syscall            the one door to the kernel: numbers by architecture, errno -> OSError, trace
process            clone3, pidfds, prctl: what a container is made with
namespaces         what a process sees
scheduling         when and where a process runs
idmap              user namespaces' ids
subids             which ids an ordinary user may use there
mount              the Mount value, mount(2), open_tree(2), mountinfo
resolve            opening hostile paths: openat2(2)
top_directory      what is in a directory need not be kept together
transfer           bytes from one descriptor to another
move_root          another root where pivot_root(2) cannot be had
pivot_root         another directory becomes the root
overlay            a stack of directories becomes one mount
fuse_overlay       the same by a program, for ordinary users
cgroup             control groups of either version: create, enter, limit, freeze, kill, count
cgroup_hierarchies  which controllers are where
cgroup_delegation  which groups an ordinary user may make
cgroup_v1          what is particular to version 1
cgroup_v2          what is particular to version 2
subgroup           a group below another one, to track and kill
cgroup_limits      values for its files, and the order to write them in
cgroup_stats       what a group has used, in one shape
cgroup_oom         the kernel has killed for want of memory
conntrack          connections that the kernel remembers, and is to forget
control_file       one-line files of cgroupfs and procfs
bpf                the device filter of cgroup version 2
capabilities       root's power in pieces
lsm                the profile of AppArmor or label of SELinux that confines a program
springboard        the last step before a container's program
small_init         pid 1 of --init, in machine code
small_sleeper      what a monitor is while nothing happens, in machine code
pty                terminals
sockets            accepting, and descriptors that go along with messages
netlink            how to talk with the network stack: sockets, messages, attributes
rtnetlink          links, addresses, routes
sublinks           links that ride on another one: VLAN, macvlan, ipvlan
bridge_port        what a bridge does with one of its ports
way                which of them a packet would take
nftables           the firewall: looked at by messages, changed by scripts
nft_rules          rules as messages, for those that every container needs
nftrace            which of its rules a packet comes to
nflog              packets that firewall rules have logged
iptables           the same on hosts without nft
poll               waiting for many descriptors at once, and for times
inotify            a file or directory has changed
program            programs of the host that cuddy runs
elsewhere          doing something in a network namespace from which there is no way back
companion          one that stays as long as the process that started it
seccomp            a filter program before every system call
syscall_table      numbers by name for each architecture a filter may meet
syscall_table_x86  the lists of x86_64, x32 and x86
syscall_table_arm  the lists of aarch64 and arm
"""
