"""Commands about containers, one verb a file: its flags, and the engine's function of that name.

creation      the flags that `run` and `create` share, and what becomes of them
mount_flag    the grammar of --mount
network_flag  and that of --network
run           create, start, attach, wait
run_step      building it one lock at a time first, for who wants to see that
create        create only
start         start what was created or has ended
attach        the user's terminal on a running container
exec          another process in a running container
ps            list
top           its processes
stats         what it uses, live
logs          what was written so far
stop          ask to end, then force
port          the host's ports that lead to it
kill          send a signal
restart       stop and start
pause         hold it where it is
unpause       let it go on
update        other limits, another restart policy
wait          until it has ended
rename        give another name
rm            remove
prune         remove all that do not run
diff          what it has changed of its image's files
cp            files from it and into it
export        the root file system as a tar
commit        an image of what it has changed
inspect       everything that is known
explain       the container beside the host
"""
