"""Commands about the engine itself.

version  cuddy's and its parts' versions
df       what everything takes on disk
prune    remove everything that nothing uses
events   what happens, as it happens
check    is everything what it says it is
serve    the API of docker, for other tools
boot     start what should run after the machine has started
halt     stop all because it goes down
doctor   what this machine lacks for containers
info     what this machine offers
login    credentials for a registry
logout   no more
dashboard  a page in a browser on this machine
inspect  a container, image, network or volume, whichever has the name
"""
