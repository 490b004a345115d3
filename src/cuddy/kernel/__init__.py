"""Floor 1: what Linux offers, one concept a file, with the names of the man pages.

Wrappers raise OSError that names the call and its object; no policy lives here.

syscall       the one door to the kernel: numbers by architecture, errno -> OSError, trace
cgroup        control groups of either version: create, enter, limit, freeze, kill, count
cgroup_v1     what is particular to version 1
cgroup_v2     what is particular to version 2
cgroup_stats  what a group has used, in one shape
control_file  one-line files of cgroupfs and procfs
capabilities  root's power in pieces
bpf           the device filter of cgroup version 2
netlink       how to talk with the network stack: sockets, messages, attributes
rtnetlink     links, addresses, routes
nftables      the firewall: looked at by messages, changed by scripts
iptables      the same on hosts without nft
program       programs of the host that cuddy runs
"""
