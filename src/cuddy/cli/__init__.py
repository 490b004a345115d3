"""Floor 5: the Docker-compatible command line.

main                global flags and the way to a command: start here
verbs               which commands there are, verb to module
overview            what --help says of all of them
boundary            errors become a line and an exit status
flags               declared flags with pflag's rules
values              grammars of sizes, CPUs, variables, labels, limits
settings            --env, --env-file and files like it
times               how times are shown
width               columns that a text takes
fit                 columns that give way to the width of a terminal
help                help texts in Docker's layout
document            JSON as inspect prints it
inspection          what inspect prints
nil                 and what its templates see of what is not there
units               how systemd's units spell this program
pruning             what all prunes ask
table               tables in Docker's layout, --format of commands that list
ports               the PORTS column
configuration       Docker's config.json
template            Go templates for --format
template_tokens     the words of a template
template_run        a template at work
template_functions  the functions of templates, and how Go prints values
meter               how far a copy is, and what it came to
output              where a command's archive goes
proxies             what Docker's config.json says of them
progress            bars and lines of a pull or push
build               an image from a Dockerfile
build_flags         the flags of that
build_options       what they and the environment come to
build_progress      how a build is shown: plain, and which form
build_lines         what its programs write, as a terminal can be shown it
build_frame         what it looks like at a moment
build_view          and redrawn in place
build_raw           for other programs
build_check         answers about a Dockerfile, without a build
builder             commands about builds and their cache
compose             the installed compose tool, with a server of its own
terminal            raw mode, window size, signals
foreground          a container with the user's streams on it
live                the live view of all containers
explain_view        what explain looks like at a terminal
container           commands about containers
image               commands about images
network             commands about networks
volume              commands about volumes
system              commands about the engine
trial               commands about trials of other commands
sandbox             commands about sandboxes
runtime             cuddy-runtime: the command line of the OCI runtime
"""
