"""Floor 3: containers as the user knows them. One file per verb, nouns first.

home             every path on disk
rootless         an ordinary user becomes root of a user namespace
options          what a user can ask of a new container
host_config      the HostConfig of a record: all its fields and their defaults
events           what happened: a line for each change
event_log        reading them, as they come
event_filters    --filter of events
container        the record of a container and its status, as docker inspect shows them
liveness         whether a container's monitor lives
containers       find, list, and believe nothing that the kernel does not confirm
ports            the ports of a container as a list
filters          --filter of ps
regexps          regular expressions in filters and in options of logs
ps               which containers there are
status           how a state reads to people
signals          names of signals are numbers
memory           what a process remembers of files as long as they are the same
remains          what a dead monitor left, and clearing it
names            random names; the grammar of names
users            users and groups of an image, read as hostile files
defaults         mounts, devices, capabilities and masks every container gets
default_profile  Docker's default seccomp profile as data
docker_profile   a seccomp profile in Docker's own format
process          what runs: command, environment, user, capabilities
mount_grammar    -v, --tmpfs, --volumes-from, and mounts in Docker's JSON
volumes          directories that outlive containers: the store
volume_use       which containers use a volume, and what becomes of it without them
volume_copy      filling one with a copy of a directory, once and wholly
mounts           what a container mounts where
mount_entries    and how config.json has it
mount_sources    what a new container mounts is there
network_files    whose /etc/hosts, /etc/hostname, /etc/resolv.conf it sees
limits           what it may use: --memory and its kin, and what of it makes sense
resources        the same as linux.resources
support          what of it this kernel can do
isolation        what keeps it apart: capabilities, settings, security options
devices          --device and its kin
gpus             --gpus
cdi              devices that vendors have named, and what they need
sharing          namespaces of the host or another container that it has
userns           whose ids its users are on the host: --userns
id_maps          the same said id by id: --uidmap, --gidmap
id_ranges        ids that one container has for itself
config_toml      what is configured, if nothing else is said
peers            those other containers: they must run
rootfs           the monitor's private view of the root
idmapped         the same with its files' owners told otherwise
runtimes         what makes a container: our own runtime, or
other_runtimes   runc, crun, runsc and their like
publishing       -p and --expose: what shall be published, and what is
port_proxy       the process that carries what no rule of the firewall can lead to a container
carried_ports    where an ordinary user's ports lead
held_ports       the sockets by which a monitor keeps the ports
live_ports       ports follow a running container to other networks
links            --link: another container's address and variables
endpoint         what is asked of each network of a container
link_options     and of the link that leads there: its name, its kernel settings
network_options  the options that ask
network_wishes   whether networks can give it
copy_up          new volumes get what the image has at their places
owner_map        whose the files of a mount are, told otherwise: `map`
staging          what mounts need before the runtime can bind them
connection       the places on networks that a container has
ready_network    a network whose links and rules are there
etc_files        the files that tell of them
network_facts    what inspect says of them
rootless_network  the one that an ordinary user's containers have
way_out          the program that leads out of a container, or of all of them
user_netns       the network namespace that the user's networks are in
user_netns_keeper  the process that keeps it
live_netns       the network namespaces of containers that run
live_network     what changes for a running container with one more or less
stray_links      and what a killed change has left
connect          it is on another network
disconnect       it is no longer on one
dns_names        the names by which others find it there
resolver         who answers when it asks for names
resolver_policy  what it may ask
resolver_process  the two processes that are the resolver
resolver_roll    the containers that it serves
resolver_worker  what answers them
resolver_desk    one of them: its sockets, its questions
resolver_stream  a connection of it
egress           where it may connect to
egress_update    another policy for it, while it runs
egress_powers    what it must not have for that
egress_policy    what the resolver does for it
egress_attempts  what it tried, as lines of a file
egress_log       reading them
spec             container record -> config.json
create           options and image -> record
background       how a process leaves the command that started it
nursery          where monitors and keepers come from
start            record -> running container
monitor          the process that owns a running container
birth            from its record to a running program
diagnosis        why a program could not be executed
program_facts    what is there of it in the container
health           what probes make of a container
health_waiter    the process that runs them, while it waits
health_keeper    the same process at work
watch            the same process while the container lives, and when it lives again
session          it is nobody's session any more
burial           the same at its end
removal          a container that does not run goes
restart_policy   whether there is another life, and when
stubs            places to mount at that a root lacks, for the while
build_run        one step of a build in a container that has neither record nor monitor
relay            the monitor's loop: streams, log, clients
relay_client     one of those
owner            the one for whom it runs
departure        a client of ours leaves: what is done for it unwinds
frames           how the monitor and its clients speak
logwriter        what it writes, cut into lines
logfile          a log on disk: one file that grows, and older ones
logrotation      putting a full one aside
jsonlog          the format json-file
locallog         the format local
journal          the driver journald
logoptions       --log-driver and --log-opt: what they mean
logdriver        and what they open
attach           a client of the monitor
inlet            what such a client says, which waits until it is taken
seam             where in the log it comes in
seam_log         the log as far as that
waiting_room     where others wait until there is one
guest            one of those
detach_keys      what is typed to leave a container running
exec             one more process in a running container
exec_process     what it is: the container's own process with the options over it
exec_session     the command's side of it: its streams and its end
exec_keeper      its parent, which stays when the command has gone
execs            those that run, by their files
exec_life        how far those are that others want to know of
exec_records     which one makes and another starts
stop             end a container politely
kill             send it a signal
restart          end it and start it
boot             which come back when the machine has started
halt             all end because the machine goes down
update           other limits, another restart policy
sender           who sent which signal
exit_report      who ended it, and what it had used
pause            it does not move
unpause          it does again
wait             until it ends
wait_for         until it is ready
scopes           what goes when somebody has no more use for it
top              its processes
stats            what it uses, in plain numbers
stats_series     and again and again
samples          what all use, again and again
explain          the container beside the host, one row per thing
explain_facts    what is looked at for that
explain_sides    the two views: namespaces, processes, names, users, mounts, network
explain_limits   what it may use, beside what it uses
explain_powers   capabilities, system calls, hidden paths
explain_layers   whose its files are
explain_shell    commands that make one like it by hand
explain_shell_files  and those among them that make its files
explain_ground   what they build upon
run_step         build it one lock at a time, to look around
run_step_stages  in which order, and what is said of each stage
run_step_inside  the process that gets the locks
run_step_sights  what can be seen of it
run_step_calls   its system calls, as people read them
rename           give it another name
rm               remove it
export           its root as an archive
inside           its files as its own programs see them
cp_paths         what the words of cp mean
cp_inside        and what they find in a container or volume
carriage         entries of a tree or tar on their way into another one
cp               files from it and into it
cp_archive       the same as archives
standstill       it does not move while its files are read
diff             what it has changed of its image's files
commit           its changes as a layer of a new image
logs             what it wrote
logchain         its files, one after another
logwait          until there is more
log_lines        with time and attributes before each line
clear_logs       forgetting it
inspect          everything known of it
inspect_image    everything known of an image
new_network      what a network that is to be made is like
networks         find, list, make and remove them
network_filters  --filter of network ls
inspect_network  everything known of a network
vantage          a container's network and files, to look from
network_why      does one reach another: who is meant, and at which address
network_why_parties  containers, this machine, others, and what is recorded of them
network_why_sight    what is seen on the way: routes, rules, sockets, an attempt
network_why_facts    all that was found out
network_why_steps    what it says, step by step
network_why_step     one of them
network_why_rules    those about rules
network_why_egress   what the egress policy says of it
network_why_listener  the one about who listens
patterns         Go's patterns of names
images           find and list images
explore          what makes one large
tag              give them names
in_use           what containers keep of them
configuration    Docker's config.json of the user
registries       how registries are reached from this machine
pull             bring one from its registry
push             and one there
load             take them out of an archive
save             and put them in one
import_          make one of a tar
rmi              remove them
volume_filters   --filter of volume ls
volume_view      what is in a volume, for those who copy
volume_rest      no container starts or moves meanwhile
volume_cp        files from a volume and into it
volume_export    all of it as a tar
volume_import    and back
volume_snapshot  a copy as it is now
volume_diff      how two volumes differ
volume_mv        another name
prune_volumes    remove volumes that no container uses
prune_networks   remove networks that no container is on
prune            remove those that nothing uses
moments          when, as people write it: --since, --until
prune_filters    --filter of all prunes
prune_containers  remove containers that do not run
prune_system      remove all of these
df                what everything takes on disk
check_resolver   are names answered
check_networks   is nothing left of networks that are gone
check_volumes     are volumes what containers expect
check             is everything what it says it is, and making it so
info              everything known of the engine
sandboxes        containers for agents and tests
lifeline         on whom the life of one depends
sandbox_usage    what it has used
sandbox_layers   snapshots are layers
sandbox_sweep    which go with the last who names them
sandbox_root     its root gives way to another
sandbox_turn     changing what it stands on
sandbox_snapshot  its files as they are now
sandbox_restore  it has those of earlier again
sandbox_fork     others begin with them
sandbox_diff     what has changed since then
sandbox_file     single files of it
trials           what commands have done to views of this machine: the store
trial            run one in such a view
trial_plan       of which parts the view is
trial_view       making it
trial_diff       what was changed
trial_source     what is new, and making it elsewhere
trial_apply      the machine is changed so
trial_discard    or it is not
trial_commit     or an image is made of it
doctor            what this machine lacks, and what mends it
doctor_facts      looking, and trying
"""
