"""Floor 4: a Dockerfile becomes an image (Dockerfile reference), without a daemon.

What is asked for:

instance        the builder, as buildx has many
options         everything a user can ask of a build
instructions    one shape for each instruction of a Dockerfile
lines           lines that belong together
mistakes        what is wrong with a Dockerfile, shown where it stands
flags           flags of instructions
heredoc         texts that follow an instruction
statements      lines become statements
grammar         statements become instructions
dockerfile      the whole file is read: start here
findings        what a rule finds
lint            what docker's build checks say of it
lint_rules      their rules
surroundings    what the rules have to know of bases and contexts
complaints      what is said of one that can be built all the same
outline         what it offers to who builds it

What it means:

stages          which stages there are, and which of them a target needs
arguments       what variables mean where: ARG and ENV

What is read:

patterns        patterns of paths
dockerignore    what is kept out of a context
definition      the Dockerfile, wherever it is
remote          files that come by HTTP
git_source      what names a git repository
git_program     git, kept from doing anything else
git_access      how the user lets git in
git             what is in a repository at one commit
unpacked        contexts that are made for the time of a build
remote_context  contexts from elsewhere
context         the build context, wherever it comes from
received_context  one that a client of the API sends
oci_layout      an image of a layout on disk comes into the store
named_contexts  named contexts: files, images, stages
tree            what is in a context, a stage, an image
sources         what the sources of COPY and ADD mean there
inputs          what they read, as a digest
inputs_record   what one file of it is, in words
inputs_index    what was read the last time
layer_inputs    what was read of layers, which stays true

What is run:

mounts_flag     --mount of RUN
secrets         --secret: what a step sees and nobody afterwards
ssh             --ssh: agents that steps may ask to sign
lending         all that steps are lent, before any begins
ssh_messages    what is said to an agent
ssh_forward     the process between a step and an agent
run_view        what a bind mount shows of a tree
run_room        what a RUN mounts, prepared
run             RUN: a program on the root of a stage
failure         what is kept of a step that failed
shell           a shell in it

What is copied:

chmod           --chmod: which modes the copies have
chown           --chown: whose they are
target          where they go
copy            COPY: files of a tree become files of an image
add             ADD of an archive: what is in it
remote_sources  what ADD names by URL

What comes of it:

state           the image under construction
built           what a build has made
report          what a build tells about itself
excerpt         the lines of a Dockerfile that it tells of
journal         what is kept of it
outputs         what is to come of it besides, in buildx's words
annotation      what its manifest says besides
destination     where that goes
files_output    files, in a directory or as a tar
layer_forms     layers compressed by gzip, by zstd, or not at all
image_output    the image, as an archive or a layout
deliver         all of it

What need not be done again:

cache           what a step's result depends on, and what came of it before
inputs_kept     what steps were made of, to tell what has changed
cache_mounts    directories that outlive the RUN they are mounted for
du              what the build cache has, piece by piece
prune           the build cache is made smaller
remote_cache    a build cache that travels: its documents
cache_from      steps that were built elsewhere
cache_to        steps that were built here, for others

Steps become layers:

snapshot        layers with a writable directory over them
upper           what a step has really changed
layers          a writable directory becomes a layer of the store
squash          several layers become one

All of it together:

beginnings      what a stage begins with
unset           what is not taken over from that
origins         where COPY, ADD and mounts of RUN read
workdir         WORKDIR: a directory that is there afterwards
run_step        RUN with all that its build lends it
steps           what each instruction reads, sees and does
stage_run       a stage on its way, instruction by instruction
workshop        the process in which the steps of a stage are done
workshops       these processes, as the driver has them
image_config    the config of an image
export          an image of what has been made, and its names
plan            what the Dockerfile and the options say together
driver          one image for one platform: what the cache has, and what is built
build           from a context to an image: start here
"""
