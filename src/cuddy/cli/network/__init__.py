"""Commands about networks, one verb a file.

create      make one
ls          list
inspect     everything that is known
connect     let a container join one
disconnect  let it leave
rm          remove
prune       remove those that no container is on
why         whether, and why, one reaches another
"""
