"""Commands about networks, one verb a file.

create      make one
ls          list
inspect     everything that is known
connect     let a container join one
disconnect  let it leave
rm          remove
prune       remove those that no container is on
log         what a container under egress control tried to reach
why         whether, and why, one reaches another
"""
