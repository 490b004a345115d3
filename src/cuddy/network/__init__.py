"""Floor 2: how a container gets a network.

ipam      subnets as numbers, and who holds which address under which names
network   the record of a network
subnets   the choice of a subnet that nobody else uses
endpoint  a container's place on a network
bridge    the bridge of a network, and a container's link to it
bridge_options  what the options of a bridge network say
macvlan   containers as machines of their own on the wire of a link
ipvlan    the same behind the MAC address of that link
parent_link  the link that macvlan and ipvlan ride on
container_side  addresses and routes inside a container's network namespace
forwarding  whether the host passes packets on
user_mode_options  what can be asked of a program that leads out of a container
user_mode  how one is called, which does so without any power on the host
drivers   which module makes a network's links
routing   by which of its networks a container reaches the world
chains    what those rules are called, and whether they are there
nat       firewall rules: containers reach the outside, the outside does not reach them
nat_iptables  the same on hosts without nft
docker_user  a way through the firewall of a docker on the same host
ports     what --publish and --expose say
publish   ports of the host that lead to a container's
port_proxy  what comes to a published port and no rule can lead on
egress    where a container may connect to: what --egress says
egress_rules  the same as rules of its network namespace
egress_pins   addresses that it may reach because a name led there
resolv    resolv.conf and hosts of a container
reach     what can be seen of whether one reaches another
reach_names  how a container finds the address of a name
strays    what networks leave behind in the kernel
openings  which ports of the host lead to which address, as the firewall has it
reach_trace  which rule of whose firewall drops a packet
zones         the names of containers, network by network
dns           what a container is answered from them
dns_messages  what such questions and answers look like
upstream      asking other servers
redirect      how a server inside a container's namespace is reached at 127.0.0.11
"""
