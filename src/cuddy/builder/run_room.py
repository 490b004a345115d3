"""What a RUN mounts, prepared: files of the context, of stages, secrets, sockets, caches.

As with a container's mounts (`engine/staging.py`), config.json has plain binds only, and what is
more than a directory is mounted first: in a room that vanishes with the mount namespace it is in.

    <root>/tmp/<temporary>/    numbered places; secrets and sockets in a tmpfs among them
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat

from cuddy import files
from cuddy.builder import run_view, secrets
from cuddy.engine.mount_entries import bind_entry
from cuddy.errors import InvalidArgument, NotFound, SystemFailure
from cuddy.image import snapshots
from cuddy.kernel import mount, overlay
from cuddy.undo import Closing, Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cuddy.builder.cache_mounts import Wish
    from cuddy.builder.mounts_flag import Mount
    from cuddy.builder.run_view import Origin
    from cuddy.builder.secrets import Secrets
    from cuddy.builder.ssh import Agents
    from cuddy.engine.home import Home
    from cuddy.runtime.spec import MountEntry

    Resolve = Callable[[str], Origin]

SECRETS_DIR = "/run/secrets"
AGENT_SOCKET = "/run/buildkit/ssh_agent.{}"
PRIVATE_ROOM = ("mode=700,size=64m,noswap", "mode=700,size=64m")
"""What is in there should not reach a disk; kernels before 6.4 do not know how to promise that."""
CACHE_MODE = 0o755
SEALED = ("nosuid", "nodev", "noexec")


class Room(Closing):
    """The mounts of one RUN: `entries` for config.json, `variables` for its environment."""

    def __init__(self, home: Home, workdir: str, find: Resolve) -> None:
        self.home = home
        self.workdir = workdir
        self.find = find
        self.path = f"{home.tmp_dir}/{files.name_temporary()}"
        self.entries: list[MountEntry] = []
        self.variables: list[str] = []
        self._spots = 0
        self._private = ""
        self._sockets = 0
        self._leaving = Undo()

    def furnish(self, mounts: Sequence[Mount], kept: Secrets, agents: Agents) -> None:
        """Prepare all mounts of a RUN. Raises CuddyError; `close` takes back what was made."""
        try:
            self._take_caches([each for each in mounts if each.type == "cache"])
            for each in mounts:
                if each.type == "bind":
                    self._add_bind(each)
                elif each.type == "tmpfs":
                    self._add_tmpfs(each)
                elif each.type == "secret":
                    self._add_secret(each, kept)
                elif each.type == "ssh":
                    self._add_agent(each, agents)
        except OSError as error:
            raise SystemFailure.from_os("cannot prepare the mounts of the step", error) from error

    def close(self) -> None:
        """Take everything down."""
        self._leaving.run()

    def place_script(self, target: str, script: bytes) -> None:
        """A heredoc that is a program."""
        path = self._spot(is_directory=False)
        files.write(path, script, mode=0o755, durable=False)
        os.chmod(path, 0o755)
        self.entries.append(bind_entry(path, target, mode="rro"))

    def target_of(self, each: Mount) -> str:
        """Where a mount goes: an absolute path. Raises InvalidArgument."""
        target = posixpath.normpath(posixpath.join("/", self.workdir, each.target))
        target = "/" + target.lstrip("/")
        if target == "/":
            raise InvalidArgument(f'invalid mount target "{each.target or "/"}"')
        return target

    def _spot(self, *, is_directory: bool = True) -> str:
        """A new place."""
        if not self._spots:
            os.mkdir(self.path, 0o700)
            self._leaving.add(files.remove_tree, self.path)
        self._spots += 1
        path = f"{self.path}/{self._spots}"
        if is_directory:
            os.mkdir(path, 0o755)
            os.chmod(path, 0o755)  # whatever the caller's umask is
        return path

    def _mount(self, plan: mount.Mount) -> str:
        (overlay if plan.fstype == "overlay" else mount).perform(plan)
        self._leaving.add(mount.umount, plan.target, mount.MNT_DETACH)
        return plan.target

    def _in_memory(self) -> str:
        """A directory whose files are on no disk."""
        if not self._private:
            spot = self._spot()
            for options in PRIVATE_ROOM:
                flags = mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC
                plan = mount.Mount("tmpfs", spot, "tmpfs", flags, options)
                try:
                    self._private = self._mount(plan)
                    break
                except OSError:
                    if options == PRIVATE_ROOM[-1]:
                        raise
        return self._private

    def _add_tmpfs(self, each: Mount) -> None:
        options = ["nosuid", "nodev", "ro" if each.is_read_only else "rw"]
        if each.size_bytes:
            options.append(f"size={each.size_bytes}")
        self.entries.append(
            {"destination": self.target_of(each), "type": "tmpfs", "source": "tmpfs",
             "options": options}
        )  # fmt: skip

    def _add_secret(self, each: Mount, kept: Secrets) -> None:
        name = each.source or each.id or posixpath.basename(each.target)
        data = kept.read(name)
        if data is None:
            if each.is_required:
                hint = f"--secret id={name},src=FILE gives it"
                raise NotFound(f"secret {name}: not found", hint=hint)
            return
        if each.env is not None:
            if b"\0" in data:
                raise InvalidArgument(f"secret {name} has a NUL, and cannot be a variable")
            self.variables.append(f"{each.env or name}={os.fsdecode(data)}")
            if not each.target:
                return
        path = f"{self._in_memory()}/{len(self.entries)}"
        secrets.write(path, data, mode=each.mode, uid=each.uid, gid=each.gid)
        wanted = each.target or f"{SECRETS_DIR}/{posixpath.basename(name)}"
        self._seal(path, self.target_of(each._replace(target=wanted)), "rro")

    def _add_agent(self, each: Mount, agents: Agents) -> None:
        agent = agents.get(each.id)
        number, self._sockets = self._sockets, self._sockets + 1
        if agent is None:
            if each.is_required:
                hint = "--ssh default, or --ssh ID=SOCKET|KEY, forwards one"
                raise NotFound(
                    f'no SSH key "{each.id or "default"}" forwarded from the client', hint=hint
                )
            return
        # Imported here: few steps have any.
        from cuddy.builder import ssh, ssh_forward

        forward = ssh_forward.Forward(
            agent, self._in_memory(), f"ssh-{number}",
            mode=ssh.MODE if each.mode is None else each.mode, uid=each.uid or 0, gid=each.gid or 0,
        )  # fmt: skip
        self._leaving.add(forward.close)
        target = self.target_of(each._replace(target=each.target or AGENT_SOCKET.format(number)))
        self._seal(forward.path, target, "rw")
        if not number:
            self.variables.append(f"{ssh.SOCKET}={target}")

    def _seal(self, path: str, target: str, mode: str) -> None:
        entry = bind_entry(path, target, mode=mode)
        entry["options"] += SEALED
        self.entries.append(entry)

    def _add_bind(self, each: Mount) -> None:
        source = self._show(self.find(each.from_), each.source, not each.is_read_only)
        self._bind(source, each)

    def _bind(self, source: str, each: Mount) -> None:
        mode = "rro" if each.is_read_only else "rw"
        self.entries.append(bind_entry(source, self.target_of(each), mode=mode))

    def _show(self, origin: Origin, source: str, is_writable: bool) -> str:
        """A path to what is to be bound; what is written there reaches nobody else."""
        if origin.tree is None:
            return self._inside(self._layers(origin.chain_ids, is_writable), source)
        view = run_view.look(origin.tree, source)
        self._leaving.add(view.close)
        try:
            if view.is_directory:
                return self._show_directory(view, is_writable)
            if not is_writable:
                return self._attach(run_view.detach_view(view))
        except SystemFailure:
            pass  # this kernel or file system cannot: a copy is as good
        except OSError as error:
            if error.errno != errno.EINVAL:  # of overlayfs, which cannot stand on everything
                raise
        return self._copy(view)

    def _copy(self, view: run_view.View) -> str:
        """A copy of what is seen."""
        spot = self._spot(is_directory=view.is_directory)
        if view.is_directory:
            run_view.copy_seen(view, spot)
        else:
            run_view.copy_file(view, spot)
        return spot

    def _layers(self, chain_ids: Sequence[str], is_writable: bool) -> str:
        spot, storage = self._spot(), self.home.storage
        if not is_writable:
            return self._mount(snapshots.view(storage, chain_ids, spot))
        upper, work = self._spot(), self._spot()
        return self._mount(
            overlay.volatile(snapshots.prepare(storage, chain_ids, upper, work, spot))
        )

    def _inside(self, top: str, source: str) -> str:
        """What a path in a mounted root is, wherever links in it lead: not out of it."""
        if not source.strip("/"):
            return top
        top_fd = os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._leaving.add(os.close, top_fd)
        fd = run_view.open_source(top_fd, source)
        try:
            return self._attach(run_view.detach(fd))
        finally:
            os.close(fd)

    def _show_directory(self, view: run_view.View, is_writable: bool) -> str:
        tree, listing = view.tree, None
        if tree.ignore or tree.owner is not None:
            listing = run_view.look_through(view)
            if tree.owner is not None and len(listing.owners) > 1:
                return self._copy(view)
        # An overlay always, of one directory and nothing: it has inodes of its own, so that no
        # socket or fifo in it leads to who listens on the host.
        mask = self._spot()
        run_view.copy_attributes(view.status, mask)
        if tree.ignore and listing:
            run_view.hide(view, listing, mask)
        lower = [mask, self._attach(run_view.detach_view(view))]
        spot = self._spot()
        if not is_writable:
            return self._mount(overlay.plan(lower, "", "", spot))
        upper, work = self._spot(), self._spot()
        run_view.copy_attributes(view.status, upper)
        return self._mount(overlay.volatile(overlay.plan(lower, upper, work, spot)))

    def _attach(self, tree_fd: int) -> str:
        """Where a mount that was attached nowhere is now."""
        try:
            is_directory = stat.S_ISDIR(os.fstat(tree_fd).st_mode)
            spot = self._spot(is_directory=is_directory)
            if not is_directory:
                os.close(os.open(spot, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            mount.move_mount(tree_fd, spot)
        finally:
            os.close(tree_fd)
        self._leaving.add(mount.umount, spot, mount.MNT_DETACH)
        return spot

    def _take_caches(self, mounts: Sequence[Mount]) -> None:
        if not mounts:
            return
        # Imported here: few steps have any.
        from cuddy.builder import cache_mounts

        wishes = [self._wish(each) for each in mounts]
        taken = cache_mounts.take_all(self.home, wishes)
        for cache in taken:
            self._leaving.add(cache.close)
        for each, cache in zip(mounts, taken, strict=True):
            self._bind(self._inside(cache.path, "" if each.from_ else each.source), each)

    def _wish(self, each: Mount) -> tuple[Wish, Callable[[str], None] | None]:
        from cuddy.builder import cache_mounts

        name = each.id or posixpath.normpath("/" + each.target)
        found = self.find(each.from_) if each.from_ else None
        wish = cache_mounts.Wish(
            name, each.sharing, each.uid or 0, each.gid or 0,
            CACHE_MODE if each.mode is None else each.mode,
            f"{found.key}:{each.source}" if found else "",
        )  # fmt: skip
        return wish, self._filler(found, each.source) if found else None

    def _filler(self, origin: Origin, source: str) -> Callable[[str], None]:
        """What fills a new cache with the files it begins with."""

        def fill(path: str) -> None:
            run_view.copy_tree(self._show(origin, source, False), path)

        return fill
