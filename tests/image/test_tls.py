"""A registry that speaks TLS, under an authority of its own, and wants to know who asks.

It is not on loopback, where anything goes: the session's loopback link gets another address for it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
import registry as registries
from cuddy.errors import InvalidArgument, RegistryUnreachable
from cuddy.image import pull, push
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage
from registry import Registry

pytestmark = pytest.mark.root
ADDRESS = "192.0.2.77"
QUICK = Settings(retry_delay_s=0.01, timeout_s=5)


def openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_certificate(room: Path, name: str, subject: str, extension: str) -> None:
    """A key, and a certificate for it by the authority."""
    request, extensions = room / f"{name}.csr", room / f"{name}.ext"
    extensions.write_text(extension)
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout",
            room / f"{name}.key", "-out", request)  # fmt: skip
    openssl("x509", "-req", "-in", request, "-CA", room / "ca.crt", "-CAkey", room / "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out",
            room / f"{name}.crt")  # fmt: skip


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: it makes the certificates")
    room = tmp_path_factory.mktemp("authority")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests",
            "-keyout", room / "ca.key", "-out", room / "ca.crt")  # fmt: skip
    make_certificate(room, "server", "/CN=registry", f"subjectAltName=IP:{ADDRESS}")
    make_certificate(room, "client", "/CN=client", "extendedKeyUsage=clientAuth")
    return room


@pytest.fixture(scope="module")
def secure(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    room = tmp_path_factory.mktemp("secure-registry")
    running = registries.serve(room, tls=authority, address=ADDRESS)
    yield next(running)
    next(running, None)
    subprocess.run(["ip", "address", "del", f"{ADDRESS}/32", "dev", "lo"], check=True)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def known(tmp_path: Path, host: str, authority: Path, **names: str) -> Settings:
    """Settings by which the registry has these files: name -> the authority's file."""
    room = tmp_path / "certs.d" / host
    room.mkdir(parents=True)
    for name, source in names.items():
        shutil.copy(authority / source, room / name.replace("_", "."))
    return QUICK._replace(certificate_dirs=(str(tmp_path / "none"), str(tmp_path / "certs.d")))


def test_push_and_pull_with_all_that_is_needed(
    secure: Registry, authority: Path, storage: Storage, tmp_path: Path
) -> None:
    settings = known(tmp_path, secure.host, authority,
                     any_crt="ca.crt", me_cert="client.crt", me_key="client.key")  # fmt: skip
    layers = [images.layer(images.tar(images.entry(f"f{n}", b"x" * 2_000_000)), "") for n in "12"]
    built = images.image(layers)
    name = secure.name("by-tls")
    images.install(storage, built, name)
    push.push(storage, name, settings=settings)
    again = pull.pull(Storage(str(tmp_path / "again")), name, settings=settings)
    assert again.id == built.id


def test_an_unknown_authority(secure: Registry, storage: Storage) -> None:
    with pytest.raises(RegistryUnreachable, match=rf"no trustworthy.*certs\.d/{secure.host}/"):
        pull.pull(storage, secure.name("x"), settings=QUICK)


def test_without_a_certificate_of_one_s_own(
    secure: Registry, authority: Path, storage: Storage, tmp_path: Path
) -> None:
    settings = known(tmp_path, secure.host, authority, ca_crt="ca.crt")
    with pytest.raises(RegistryUnreachable):
        pull.pull(storage, secure.name("x"), settings=settings)


def test_half_a_pair_is_told_of(
    secure: Registry, authority: Path, storage: Storage, tmp_path: Path
) -> None:
    settings = known(tmp_path, secure.host, authority, ca_crt="ca.crt", me_cert="client.crt")
    with pytest.raises(InvalidArgument, match=r"me\.cert has no me\.key beside it"):
        pull.pull(storage, secure.name("x"), settings=settings)


def test_files_that_are_no_certificates(
    secure: Registry, authority: Path, storage: Storage, tmp_path: Path
) -> None:
    settings = known(tmp_path, secure.host, authority, ca_crt="ca.crt")
    Path(settings.certificate_dirs[1], secure.host, "other.crt").write_text("nonsense")
    with pytest.raises(InvalidArgument, match=r"other\.crt cannot be used"):
        pull.pull(storage, secure.name("x"), settings=settings)


def test_insecure_trusts_everybody_but_still_says_who_asks(
    secure: Registry, authority: Path, storage: Storage, tmp_path: Path
) -> None:
    settings = known(tmp_path, secure.host, authority, me_cert="client.crt", me_key="client.key")
    built = images.image([], author="insecure")
    images.install(storage, built, secure.name("insecure"))
    push.push(storage, secure.name("insecure"), settings=settings._replace(insecure=(ADDRESS,)))
