"""Commands about builds and what they leave, one verb a file.

log       what a build told
ls        list builds
inspect   everything that is kept of one
rm        remove what is kept
shell     a shell where a step failed
du        what the build cache takes
prune     remove what of it nobody uses
builders  buildx's ls: the builders there are
builder   buildx's inspect: one of them
version   which buildx answers
"""
