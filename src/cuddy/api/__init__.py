"""The Docker Engine API for tools that exist already: HTTP in, the engine's functions, JSON out.

    server ──▶ worker ──▶ dialogue ──▶ routes ──▶ a handler ──▶ engine
                             ▲             │
                             └── errors ◀──┘

Nothing here would be of use to the command line: what both need belongs to the engine.

server      who listens, and has workers ready
worker      a process that serves a connection, or several that only look something up
post        where it waits for them beside the others
board       what each of them does, in memory that they share
sockets     where it listens, and who may come
fork        how its processes begin
log         what is said of all this on standard error
fanout      one that sends events to all who listen
connection  one client's requests, and the bytes of answers
heads       their heads: the usual request, all others by h11, and every answer
tls         the same bytes in secret, from clients with certificates
stream      an answer that is sent while it is made
hijacked    a connection that is no more HTTP
http        Call: one request and how it is answered
fields      what nested JSON of a stranger's says
errors      what a client is told when something went wrong
routes      which handler answers which request
dialogue    the requests of one connection, one after the other
preload     what is there before the first connection comes
system      ping, version, info
absent      endpoints with nothing behind them: swarms, plugins
containers  containers: lists, prune
container_items  as lists show them
container   one of them: inspect, top, changes, export, rename, update, removal
lives       start, stop, restart, kill, pause, unpause
create      a new one
networks    networks, and who is on them
volumes     volumes

attach           a client on a container's streams
websocket        the same for clients that can have no bare connection
execs            further processes in one
conversation     how bytes go both ways between the two
wait             its end
logs             what it has written
stats            what it uses
archive          its files
events           what happens to anything

create_body      what a client asks of it, as options
create_config    what runs, and how it is attached
create_host      what it may use of this host
create_devices   devices
create_mounts    what it mounts
create_networks  its networks and ports

images           images: lists, what is known of one, names, removal, search
image_items      as they are shown, by version
names            names that come in two parts
image_create     a pull, or an import
push             the other way
distribution     what a registry has, and whether it takes credentials
credentials      those that come with a request
registry_words   what registries refuse, in Docker's words
image_archives   load, save
piped            an archive that goes out while it is made
commit           an image of a container
json_lines       objects one after the other, and an error as the last
transfers        what transfers tell, as such lines
build            POST /build
build_options    what its query asks for
build_lines      what it tells, in the classic builder's words
build_cache      what it keeps, for df
df          what all of it takes on disk
dashboard   a page of our own that speaks it
"""
