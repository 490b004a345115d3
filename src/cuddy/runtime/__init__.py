"""Floor 2: the OCI runtime. A bundle (config.json and a root file system) becomes a process.

spec         config.json, field for field (runtime-spec)
schema       which field of it holds what
bundle       load and validate config.json
state        state.json: creating, created, running, stopped
handshake    the messages between the creator and init
trees        mounts that the creator opens for init
joining      namespaces given by path
net_devices  links of the host's that a container gets
guide        a process that goes ahead of init into namespaces
gate         what init waits at until it is started
user_namespace  what a newborn in one needs of its creator
create       the creator's side: cgroup, clone, id maps, hooks
init         the container's side: STEPS, the ordered list that ends in execve
mount_plan   the config's mounts and the words of their options: what is to be done
rootfs       making the mounts below a hostile root
targets      the places there for them, opened or made
copy_up      a tmpfs that begins with what it covers
dev_tree     /dev of a container with users of its own, made by the creator
devices      device nodes and links of /dev
masks        masked and read-only paths
sysctls      kernel settings of its namespaces
credentials  user, groups, capabilities, limits
scheduling   how its processes are scheduled: CPUs, priorities, memory
filters      compiled seccomp programs, kept
launch       the last steps before a program runs, for init and exec
terminal     a container's terminal
resources    linux.resources as cgroup file values
grouping     who makes the control group, and what if nobody may
systemd_scope  as a scope that systemd starts
systemd_unit  what systemd is told of it
dbus         asking over the message bus
dbus_values  what is said there, as bytes
device_rules  which devices may be used
profile      linux.seccomp as a BPF program: what is decided
listener     who is asked about calls that a profile leaves open
filter_program  and the instructions that decide it
start        let a created container's program begin
kill         send a signal to a container
features     what it can do, for who asks
starting_config  a config to begin with
pause        stop its processes where they are, let them go on
update       other limits for one that runs
resources_file  and how callers write them
statistics   what its groups count, in runc's shape
shared_mounts  a root among its caller's mounts
delete       remove what is left of a stopped container
exec         one more process inside a running container
entrant      that process on its way in
other        other runtimes: runc, crun, runsc run the same bundle
checkpoint   save a container's processes to files
restore      and bring them back
criu         by criu, and how it is spoken to
hooks        programs run at points of the life cycle
"""
