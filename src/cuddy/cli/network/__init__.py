"""Commands about networks, one verb a file.

create   make one
ls       list
inspect  everything that is known
rm       remove
prune    remove those that no container is on
why      whether, and why, one reaches another
"""
