"""Commands about images, one verb a file.

pull     fetch from a registry
push     upload to one
tags     list what a repository there has
search   find repositories there
images   list
history  how one came to be
explore  what makes one large
diff     how two differ
tag      give one another name
inspect  everything that is known
prune    remove what nothing uses
rmi      remove
save     to an archive
load     from one
import_  an image of a root file system
"""
