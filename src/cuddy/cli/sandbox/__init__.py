"""Commands about sandboxes: containers for the commands of an agent or a test.

life      how long one lives: flags
create    make one and begin it
ls        list them
put       copy files into one
get       and out of it
write     what is on standard input becomes a file in it
read      a file of it comes on standard output
snapshot  keep its files as they are
number    the number of a snapshot, as it is typed
restore   have those of a snapshot again
fork      more that begin with its files
diff      what has changed of its files
stats     what they have used
rm        end them
"""
