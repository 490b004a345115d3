"""Volumes: directories that outlive the containers which write to them.

    volumes/<name>/
        volume.json     Docker's words about it, and whether it goes with its last container
        _data/          what is in it
        users/<id>      an empty file for each container that mounts it
        lock            held by who brings it into use, fills it or takes it away

A volume appears and vanishes by one rename. It is in use while a container of `users` exists:
what a killed command left there names none. An anonymous volume is `Transient`: it is rubbish
from the moment that no container uses it, until somebody removes its container without it.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import events, names
from cuddy.errors import (
    CorruptContent,
    InUse,
    InvalidArgument,
    NoSuchVolume,
    NotFound,
    SystemFailure,
)
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.home import Home

DRIVER = "local"
ANONYMOUS = "com.docker.volume.anonymous"
"""Docker's label of a volume that nobody named."""
MAX_NAME_LENGTH = 255
CHARACTERS = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
OPTIONS = ("type", "device", "o")
"""What the local driver hands on to mount(2)."""


class Wish(TypedDict, total=False):
    """A volume that somebody wants to be there."""

    name: str
    driver: str
    labels: dict[str, str] | None
    options: dict[str, str] | None
    is_transient: bool


class Volume(TypedDict, total=False):
    """A volume as docker inspect shows it."""

    CreatedAt: str
    Driver: str
    Labels: dict[str, str] | None
    Mountpoint: str
    Name: str
    Options: dict[str, str] | None
    Scope: str
    Transient: bool  # ours: it goes with the last container that uses it


def path(home: Home, name: str) -> str:
    """Where a volume is or will be."""
    return f"{home.volumes_dir}/{name}"


def data_path(home: Home, name: str) -> str:
    """Where what is in it is."""
    return f"{home.volumes_dir}/{name}/_data"


def split_path(home: Home, source: str) -> tuple[str, str]:
    """A path of the host that lies in a volume, as the volume's top and the path below it; of
    another one all, and "".

    In a volume a container may have put a link in its way (CVE-2017-1002101); elsewhere links are
    the host's.
    """
    name, _, rest = source.removeprefix(f"{home.volumes_dir}/").partition("/")
    top = data_path(home, name)
    return (top, rest.partition("/")[2]) if source.startswith(f"{top}/") else (source, "")


def check_name(name: str) -> None:
    """Docker's grammar of volume names. Raises InvalidArgument."""
    if len(name) == 1 and name in names.LETTERS:
        raise InvalidArgument(
            f"create {name}: volume name is too short, "
            "names should be at least two alphanumeric characters"
        )
    allowed = names.LETTERS | {"_", ".", "-"}
    if not name or name[0] not in names.LETTERS or not allowed.issuperset(name):
        raise InvalidArgument(
            f"create {name}: {files.quote(name)} includes invalid characters for a local volume "
            f'name, only "{CHARACTERS}" are allowed. '
            "If you intended to pass a host directory, use absolute path"
        )
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidArgument(f"create {name[:20]}...: the volume's name is too long")


def check_driver(name: str, driver: str) -> None:
    """There are no plugins. Raises NotFound."""
    if driver not in ("", DRIVER):
        raise NotFound(
            f"create {name}: error looking up volume plugin {driver}: plugin {files.quote(driver)} "
            "not found",
            hint="only the driver 'local' is there",
        )


def check_options(options: dict[str, str]) -> None:
    """The local driver's options. Raises InvalidArgument."""
    for option in options:
        if option == "size":
            raise InvalidArgument("quota size requested but no quota support")
        if option not in OPTIONS:
            hint = f"one of {', '.join(OPTIONS)}"
            raise InvalidArgument(f"invalid option: {files.quote(option)}", hint=hint)
    for option, needed in (("device", ("type",)), ("type", ("device",)), ("o", OPTIONS[:2])):
        for other in needed if option in options else ():
            if other not in options:
                raise InvalidArgument(f"missing required option: {files.quote(other)}")


def create(home: Home, wish: Wish) -> Volume:
    """Make a volume; one of that name that is there already stays as it is. "": anonymous.

    Raises InvalidArgument, SystemFailure.
    """
    if not wish.get("name"):
        labels = {**(wish.get("labels") or {}), ANONYMOUS: ""}
        wish = {**wish, "name": names.generate_id(), "labels": labels}
    check_wish(wish)
    with Hold(home, wish["name"], wish):
        return read(home, wish["name"])


def check_wish(wish: Wish) -> None:
    """Whether such a volume can be. Raises InvalidArgument."""
    check_name(wish["name"])
    check_driver(wish["name"], wish.get("driver", ""))
    try:
        check_options(wish.get("options") or {})
    except InvalidArgument as error:
        message = f"create {wish['name']}: {error.message}"
        raise InvalidArgument(message, hint=error.hint) from None


class Hold:
    """A volume's lock, had inside `with`. With a `wish` it is made if it is not there.

    Raises NoSuchVolume without a wish, SystemFailure.
    """

    def __init__(self, home: Home, name: str, wish: Wish | None = None) -> None:
        self.home = home
        self.wish = wish
        self.name = name
        self._lock = files.Lock(f"{path(home, name)}/lock")

    def __enter__(self) -> Hold:
        while not self._take():
            if self.wish is None:
                raise NoSuchVolume(self.name)
            try:
                if self._make(self.wish):
                    break
            except OSError as error:
                raise SystemFailure.from_os(f"cannot make volume {self.name}", error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def attempt(self) -> bool:
        """Take it without waiting; False if somebody has it. Pair with `__exit__`."""
        try:
            return self._lock.attempt()
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _take(self) -> bool:
        """Wait for the lock; False if there is no such volume, or no more."""
        try:
            self._lock.__enter__()
            # Whoever had it before may have taken the volume away, and another made it anew.
            if os.path.samestat(os.fstat(self._lock.fd), os.stat(self._lock.path)):
                return True
        except (FileNotFoundError, NotADirectoryError):
            pass
        self._lock.close()
        return False

    def _make(self, wish: Wish) -> bool:
        """Make it, and have its lock before anybody sees it; False if another was faster."""
        with Draft(self.home, wish) as draft:
            if not draft.publish():
                return False
            self._lock.fd, draft.lock.fd = draft.lock.fd, -1
        return True


class Draft:
    """A volume in the making: nobody sees it before `publish`, and without that it is gone after
    `with`. `data`: where what is to be in it goes. Raises OSError.
    """

    def __init__(self, home: Home, wish: Wish) -> None:
        self.home = home
        self.wish = wish
        self.where = f"{home.tmp_dir}/volume.{files.name_temporary()}"
        self.data = f"{self.where}/_data"
        self.lock = files.Lock(f"{self.where}/lock")

    def __enter__(self) -> Draft:
        files.make_directory(self.home.volumes_dir)
        os.mkdir(self.where, 0o700)
        try:
            for directory, mode in (("_data", 0o755), ("users", 0o700)):
                os.mkdir(f"{self.where}/{directory}", mode)
            record = new_record(self.home, self.wish)
            durable = not record["Transient"]
            files.write_json(f"{self.where}/volume.json", record, durable=durable)
        except BaseException:
            self.__exit__()
            raise
        return self

    def publish(self) -> bool:
        """Let it be seen, locked; False if there is one of its name."""
        place = path(self.home, self.wish["name"])
        self.lock.__enter__()
        try:
            os.rename(self.where, place)
        except OSError:
            if os.path.isdir(place):
                return False
            raise
        events.emit(self.home, "volume", "create", self.wish["name"], {"driver": DRIVER})
        return True

    def __exit__(self, *_: object) -> None:
        self.lock.close()
        files.remove_tree(self.where)


def new_record(home: Home, wish: Wish) -> Volume:
    """volume.json of a new volume."""
    return {
        "CreatedAt": files.now().partition(".")[0] + "Z",
        "Driver": DRIVER,
        "Labels": wish.get("labels") or None,
        "Mountpoint": data_path(home, wish["name"]),
        "Name": wish["name"],
        "Options": wish.get("options") or None,
        "Scope": "local",
        "Transient": wish.get("is_transient", False),
    }


def read(home: Home, name: str) -> Volume:
    """A volume's record. Raises NoSuchVolume, CorruptContent."""
    if not is_name(name):
        raise NoSuchVolume(name)
    try:
        volume: Volume = files.read_json(f"{path(home, name)}/volume.json")
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchVolume(name) from None
    except ValueError as error:
        raise CorruptContent(f"volume {name}: {error}") from None
    if not isinstance(volume, dict) or not is_name(str(volume.get("Name"))):
        raise CorruptContent(f"volume {name}: volume.json is not its record")
    # A rename is done when the directory has its new name, whatever name is written there.
    volume |= {"Name": name, "Mountpoint": data_path(home, name)}
    return volume


def change(home: Home, name: str, change: Callable[[Volume], None]) -> None:
    """Let `change` alter a volume's record, whose lock the caller has. As `read`."""
    volume = read(home, name)
    change(volume)
    files.write_json(f"{path(home, name)}/volume.json", volume)


def inspect(home: Home, name: str) -> Volume:
    """A volume as docker inspect shows it. Raises NoSuchVolume, CorruptContent."""
    return shown(read(home, name))


def shown(volume: Volume) -> Volume:
    """A record without what is ours only. Pure."""
    found = volume.copy()
    found.pop("Transient", None)
    return found


def is_name(name: str) -> bool:
    """Whether a text could be a volume's name."""
    try:
        check_name(name)
    except InvalidArgument:
        return False
    return True


def list_volumes(home: Home) -> list[Volume]:
    """All volumes by name. One that cannot be read is left out."""
    found = []
    for name in sorted(files.list_directory(home.volumes_dir)):
        try:
            found.append(read(home, name))
        except (NoSuchVolume, CorruptContent):
            continue
    return found


def users(home: Home, name: str) -> list[str]:
    """The containers that mount it, running or not."""
    found = files.list_directory(f"{path(home, name)}/users")
    return sorted(each for each in found if os.path.isdir(home.container_dir(each)))


def unused(home: Home) -> list[Volume]:
    """The volumes that no container mounts."""
    return [each for each in list_volumes(home) if not users(home, each["Name"])]


def is_anonymous(volume: Volume) -> bool:
    """Whether it is one that nobody named."""
    return ANONYMOUS in (volume.get("Labels") or {})


def remove(home: Home, name: str, *, force: bool = False) -> None:
    """Remove a volume that no container uses. Raises NoSuchVolume (not with `force`), InUse."""
    if not is_name(name):  # and so no path either
        if force:
            return
        raise NoSuchVolume(name)
    try:
        with Hold(home, name):
            if found := users(home, name):
                raise InUse(
                    f"remove {name}: volume is in use - [{', '.join(found)}]",
                    hint="remove its containers first",
                )
            doomed = take_away(home, name)
    except NoSuchVolume:
        if not force:
            raise
        return
    delete(home, name, doomed)


def take_away(home: Home, name: str) -> str:
    """Out of sight in one rename, under its lock; where it is now, for `delete`."""
    doomed = f"{home.tmp_dir}/volume.{files.name_temporary()}"
    os.rename(path(home, name), doomed)
    return doomed


def delete(home: Home, name: str, doomed: str) -> None:
    """Remove what was taken away. Raises SystemFailure; what is left is then seen again."""
    try:
        files.remove_tree(f"{doomed}/_data")
        files.remove_tree(doomed)
    except OSError as error:
        try:
            os.rename(doomed, path(home, name))
        except OSError:
            pass  # somebody made another one: this one stays aside
        hint = "it is there still: mend that, then remove it again"
        raise SystemFailure.from_os(f"cannot remove volume {name}", error, hint=hint) from error
    events.emit(home, "volume", "destroy", name, {"driver": DRIVER})
