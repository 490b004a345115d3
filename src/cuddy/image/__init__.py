"""Floor 2: images, layers and registries (image-spec, distribution-spec).

What an image is:

storage         the paths of one store: an OCI image layout, the layers unpacked from it
digest          content named by its own hash: digest, diff_id, chain_id
reference       image names, made complete as Docker does
platform        os/architecture/variant: the host's, and which manifest suits it
spec            the documents: descriptor, index, manifest, config
blobs           the content store: verified, then renamed; half a download is kept
index           index.json: which names there are, and what each means
snapshots       unpacked layers, and overlays of them
store           the images: find, list, tag
cached_steps    what steps of builds have made: the build cache
naming          which names still mean what they meant
history         how an image came to be, step by step
host            the image that is always there: a view of this machine

What is in its layers:

walk            all that is in a directory tree, without following links
stack           unpacked layers, read directory by directory
merged          what a stack of layers shows: overlayfs's rules
explore         what each layer adds, changes and removes
diff            how two images differ

Layers and archives:

compression     gzip, zstd and others as streams
tar             a reader of archives that trusts nothing
tar_writer      its twin: members become bytes
tree            a directory tree filled by descriptors
layer           a changeset becomes a directory for overlayfs
inheritance     what a layer takes from those below it
changeset       a directory becomes an archive again
gather          what is at a place in a tree, entry by entry
deposit         entries are put where files are already

Registries:

settings        how registries are reached
credentials     who asks: files, and programs that keep secrets
keyring         credentials written down
auth            challenges and tokens
proxies         which hosts are reached through one
certificates    those set down for one registry
connection      HTTP/1.1 on one connection
http            requests to hosts one does not trust
endpoints       which servers a repository has
server          one of them: requests, authorized; what refusals mean
pages           lists that come page by page
elsewhere       layers that no registry may hand on
registry        a client of the distribution API
login           credentials are shown to a registry, then kept
tags            what a repository has to offer, by version
search          repositories with a word in them

Work in several processes:

progress        what a pull or push tells about itself
workers         forked processes that are never left behind
download        the worker that brings a blob
unpack          the worker that makes a layer of it
fetch           layers on their way in, several at once
upload          the worker that brings a blob to a registry
pull            an image from a registry becomes an image of the store
push            an image of the store goes to a registry

Images that are made here:

durations       1m30s in nanoseconds
words           quotes, escapes and variables of a Dockerfile
word_patterns   patterns in variables
forms           arrays, pairs, words: how instructions are written
changes         instructions that change a config
addition        a layer that is made here
assembly        layers and a config become an image
import_         a root file system becomes an image

Images that travel as files:

packing         a tar of plain files, written
save            images become an archive
archive         an archive of images, read where it lies
spool           where an archive goes that cannot be
oci_archive     the images of a layout in an archive
docker_archive  the images of Docker's kind of archive
load            images of an archive become images of the store

Taking away, and looking after:

garbage         content without a name, and taking content away
rmi             an image loses a name, and with the last its content
verify          content against its digests, layers against their blobs
finding         what a check has found
check_steps     is the build cache what it says it is
check           is the store what it says it is, and making it so
"""
