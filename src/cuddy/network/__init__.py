"""Floor 2: how a container gets a network.

network   the record of a network, and the choice of a subnet that nobody else uses
ipam      subnets as numbers, and who holds which address
bridge    the bridge of a network, and a container's link to it
nat       firewall rules: containers reach the outside, the outside does not reach them
ports     what --publish and --expose say
publish   ports of the host that lead to a container's
resolv    resolv.conf and hosts of a container
reach     what can be seen of whether one reaches another
reach_names  how a container finds the address of a name
reach_trace  which rule of whose firewall drops a packet
"""
