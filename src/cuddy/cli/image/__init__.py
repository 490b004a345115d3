"""Commands about images, one verb a file.

pull     fetch from a registry
images   list
inspect  everything that is known
rmi      remove
save     to an archive
"""
