"""`cuddy-runtime`: the OCI runtime as a program, with runc's command line.

Engines that drive runtimes (containerd, podman, dockerd, Slurm) call this, not people. It leaves no
process behind: a container's init becomes the child of whoever is the caller's subreaper.

main          global flags, and the way to a verb: start here
verb          what a verb declares, and what it is given
log           errors and warnings, as lines that callers read
birth         what create and run have in common
descriptors   what is inherited, what is handed on, what is sent
create        a container whose program waits
run           create, start, wait, delete
start         let it begin
state         what is known of it
kill          a signal to it
delete        what is left of it
exec          one more process
exec_process  what that process is: of flags or of a file
list          all containers
"""
