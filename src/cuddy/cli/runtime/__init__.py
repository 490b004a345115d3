"""`cuddy-runtime`: the OCI runtime as a program, with runc's command line.

Engines that drive runtimes (containerd, podman, dockerd, Slurm) call this, not people. It leaves no
process behind: a container's init becomes the child of whoever is the caller's subreaper.

main          global flags, and the way to a verb: start here
verb          what a verb declares, and what it is given
log           errors and warnings, as lines that callers read
birth         what create and run have in common
descriptors   what is inherited, what is handed on, what is sent
activation    systemd's sockets, and its word that one is ready
foreground    a process whose end is waited for
create        a container whose program waits
run           create, start, wait, delete
start         let it begin
state         what is known of it
kill          a signal to it
pause         stop it where it is
resume        let it go on
update        other limits for it
delete        what is left of it
exec          one more process
exec_process  what that process is: of flags or of a file
subgroups     where it runs: exec --cgroup
list          all containers
ps            the processes of one
events        what one uses, and when it lacks memory
features      what this runtime can do
checkpoint    save it to files
restore       bring it back
spec          a config.json to begin with
"""
