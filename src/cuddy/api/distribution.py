"""What a registry has under a name, and credentials that it is shown."""

from __future__ import annotations

from cuddy.api import credentials, fields, registry_words
from cuddy.errors import NoSuchImage, Unauthorized
from cuddy.image import digest as digests
from cuddy.image import login, platform, reference, spec
from cuddy.image.credentials import Credentials
from cuddy.image.registry import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call
    from cuddy.image.server import Document


def inspect(call: Call) -> None:
    """The manifest that a name means at its registry, and for which platforms it is."""
    wanted = reference.parse(call.ref)
    repository = Repository(credentials.for_image(call, wanted), wanted)
    try:
        with call.until_client_leaves():
            document = repository.manifest(wanted.digest or wanted.tag)
            content = spec.parse_document(document.data, f"the manifest of {wanted.familiar}")
            platforms = _platforms(repository, content, wanted.familiar)
    except (NoSuchImage, Unauthorized) as error:
        raise registry_words.of_pull(error, wanted) from error
    finally:
        repository.close()
    call.answer({"Descriptor": _descriptor(document, content), "Platforms": platforms})


def _descriptor(document: Document, content: dict[str, Any]) -> dict[str, Any]:
    said = content.get("mediaType")
    return {
        "mediaType": said if isinstance(said, str) and said else document.media_type,
        "digest": digests.of(document.data),
        "size": len(document.data),
    }


def _platforms(repository: Repository, content: dict[str, Any], shown: str) -> list[dict[str, str]]:
    """Those of an index; or of a manifest, which only its config knows."""
    if "manifests" in content:
        entries = spec.check_index(content, f"the index of {shown}")["manifests"]
        named = [platform.of(entry.get("platform")) for entry in entries]
        return [_platform(each) for each in named if each]
    manifest = spec.check_manifest(content, f"the manifest of {shown}")
    config = spec.parse_document(repository.document(manifest["config"]), f"config of {shown}")
    return [_platform(found)] if (found := platform.of(config)) else []


def _platform(found: platform.Platform) -> dict[str, str]:
    variant = {"variant": found.variant} if found.variant else {}
    return {"architecture": found.architecture, "os": found.os, **variant}


def auth(call: Call) -> None:
    """Have a registry check credentials. They are not kept: that is for the client."""
    document = call.document()
    host = login.host_of(fields.text(document, "serveraddress"))
    found = Credentials(
        fields.text(document, "username"),
        fields.text(document, "password"),
        fields.text(document, "identitytoken"),
    )
    with call.until_client_leaves():
        shown = login.check(credentials.settings(), host, found)
    call.answer({"Status": "Login Succeeded", "IdentityToken": shown.identity_token})
