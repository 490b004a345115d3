"""Pushing to registries that lie, break off, forget, and lead elsewhere."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import images
from cuddy.errors import (
    CorruptContent,
    CuddyError,
    RegistryBusy,
    RegistryError,
    Unauthorized,
)
from cuddy.image import connection, index, login, push, search, tags, upload
from cuddy.image.credentials import Credentials
from cuddy.image.settings import Rule, Settings
from cuddy.image.storage import Storage
from hostile_registry import Answer, Hostile

pytestmark = pytest.mark.root

QUICK = Settings(retry_delay_s=0.01, timeout_s=1)
DATA = os.urandom(300_000)
BUILT = images.image([images.layer(images.tar(images.entry("file", DATA)), "")])
LAYER = BUILT.document["layers"][0]["digest"]
BLOB = BUILT.blobs[LAYER]
SIZE = len(BLOB)
ABSENT = [Answer(404)]
PRESENT = [Answer(200)]
BEGIN = "POST /v2/x/blobs/uploads/"
PUT_MANIFEST = "PUT /v2/x/manifests/latest"
Start = Callable[..., Hostile]


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    found = Storage(str(tmp_path / "store"))
    yield found
    assert os.listdir(found.tmp_dir) == []


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layer counts as large: it is sent by PATCH."""
    monkeypatch.setattr(upload, "SMALL_BYTES", 100_000)


def accepting(**changes: list[Answer]) -> dict[str, list[Answer]]:
    """A registry that has the config, and takes the layer and the manifest."""
    return {
        f"HEAD /v2/x/blobs/{BUILT.id}": PRESENT,
        f"HEAD /v2/x/blobs/{LAYER}": ABSENT,
        BEGIN: [Answer(202, headers={"Location": "/up/1?state=a"})],
        "PATCH /up/1": [Answer(202, headers={"Location": "/up/2", "Range": f"0-{SIZE - 1}"})],
        "PUT /up/2": [Answer(201, headers={"Docker-Content-Digest": LAYER})],
        PUT_MANIFEST: [Answer(201, headers={"Docker-Content-Digest": BUILT.digest})],
        **changes,
    }


def pushes(storage: Storage, server: Hostile, settings: Settings = QUICK) -> None:
    images.install(storage, BUILT, f"{server.host}/x")
    push.push(storage, f"{server.host}/x", settings=settings)


def refused(
    storage: Storage,
    server: Hostile,
    error: type[CuddyError],
    match: str = ".",
    settings: Settings = QUICK,
) -> None:
    """The push fails with this error, and nothing here has changed."""
    images.install(storage, BUILT, f"{server.host}/x")
    before = index.load(storage)
    with pytest.raises(error, match=match) as caught:
        push.push(storage, f"{server.host}/x", settings=settings)
    assert type(caught.value) is error
    assert str(caught.value).isprintable()
    assert index.load(storage) == before


def sent(server: Hostile, method: str, path: str = "/") -> list[dict[str, Any]]:
    return [headers for headers in server.asked(path) if headers["method"] == method]


def ranges(server: Hostile) -> list[tuple[Any, Any]]:
    return [(h.get("Content-Range"), h["length"]) for h in sent(server, "PATCH")]


class TestUploads:
    def test_in_one_piece(self, hostile: Start, storage: Storage) -> None:
        server = hostile(accepting())
        pushes(storage, server)
        [patch] = sent(server, "PATCH")
        assert (patch["length"], patch["digest"]) == (SIZE, LAYER)
        assert server.asked(f"/up/2?digest={LAYER.replace(':', '%3A')}")
        [manifest] = server.asked("/v2/x/manifests/latest")
        assert manifest["digest"] == BUILT.digest
        assert manifest["Content-Type"] == images.OCI_MANIFEST

    def test_small_ones_go_with_the_put(
        self, hostile: Start, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(upload, "SMALL_BYTES", 1 << 20)
        server = hostile(accepting() | {"PUT /up/1": [Answer(201)]})
        pushes(storage, server)
        assert sent(server, "PATCH") == []
        [put] = server.asked("/up/1?state=a&digest=")
        assert put["digest"] == LAYER

    def test_a_connection_that_breaks_is_taken_up_where_it_broke(
        self, hostile: Start, storage: Storage
    ) -> None:
        server = hostile(accepting() | {
            "PATCH /up/1": [Answer(take=150_000), *accepting()["PATCH /up/1"]],
            "GET /up/1": [Answer(204, headers={"Range": "0-99999", "Location": "/up/1"})],
        })  # fmt: skip
        pushes(storage, server)
        assert ranges(server)[1] == (f"100000-{SIZE - 1}", SIZE - 100_000)
        assert sent(server, "PATCH")[1]["digest"] == images.digest_of(BLOB[100_000:])

    @pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
    def test_an_error_in_the_middle_is_taken_up_too(
        self, hostile: Start, storage: Storage, status: int
    ) -> None:
        server = hostile(accepting() | {
            "PATCH /up/1": [Answer(status), *accepting()["PATCH /up/1"]],
            "GET /up/1": [Answer(204, headers={"Range": "0-0"})],
        })  # fmt: skip
        pushes(storage, server)
        assert ranges(server) == [(None, SIZE), (None, SIZE)]

    def test_an_error_at_the_end_does_not_send_it_all_again(
        self, hostile: Start, storage: Storage
    ) -> None:
        server = hostile(accepting() | {
            "PUT /up/2": [Answer(500), Answer(201)],
            "GET /up/2": [Answer(204, headers={"Range": f"0-{SIZE - 1}"})],
        })  # fmt: skip
        pushes(storage, server)
        assert len(sent(server, "PATCH")) == 1
        assert len(sent(server, "PUT", "/up/2")) == 2

    def test_an_upload_that_is_forgotten_begins_anew(
        self, hostile: Start, storage: Storage
    ) -> None:
        begins = [Answer(202, headers={"Location": f"/up/{n}"}) for n in (0, 1)]
        server = hostile(accepting() | {
            BEGIN: begins,
            "PATCH /up/0": [Answer(take=100_000)],
            "GET /up/0": ABSENT,
        })  # fmt: skip
        pushes(storage, server)
        assert len(sent(server, "POST")) == 2
        assert sent(server, "PATCH", "/up/1")[0]["digest"] == LAYER

    @pytest.mark.parametrize("told", [f"0-{SIZE * 2}", "0-99999999999999999999999"])
    def test_a_range_beyond_the_end_begins_anew(
        self, hostile: Start, storage: Storage, told: str
    ) -> None:
        begins = [Answer(202, headers={"Location": f"/up/{n}"}) for n in (0, 1)]
        server = hostile(accepting() | {
            BEGIN: begins,
            "PATCH /up/0": [Answer(take=100_000)],
            "GET /up/0": [Answer(204, headers={"Range": told})],
        })  # fmt: skip
        pushes(storage, server)

    @pytest.mark.parametrize("told", ["nonsense", "5-9", "bytes", "0-", "0-x", "-", "0--1"])
    def test_a_range_that_is_none_counts_as_nothing(
        self, hostile: Start, storage: Storage, told: str
    ) -> None:
        server = hostile(accepting() | {
            "PATCH /up/1": [Answer(take=100_000), *accepting()["PATCH /up/1"]],
            "GET /up/1": [Answer(204, headers={"Range": told})],
        })  # fmt: skip
        pushes(storage, server)
        assert ranges(server)[1] == (None, SIZE)

    def test_a_range_that_is_a_lie_shows_in_the_end_and_all_is_sent_again(
        self, hostile: Start, storage: Storage
    ) -> None:
        begins = [Answer(202, headers={"Location": f"/up/{n}"}) for n in (0, 1)]
        wrong = json.dumps({"errors": [{"code": "DIGEST_INVALID"}]}).encode()
        server = hostile(accepting() | {
            BEGIN: begins,
            "PATCH /up/0": [Answer(take=100_000), Answer(202)],
            "GET /up/0": [Answer(204, headers={"Range": "0-200000"})],
            "PUT /up/0": [Answer(400, wrong)],
        })  # fmt: skip
        pushes(storage, server)
        assert sent(server, "PATCH", "/up/1")[0]["digest"] == LAYER

    def test_a_registry_that_takes_a_part_is_given_the_rest(
        self, hostile: Start, storage: Storage
    ) -> None:
        answers = [Answer(202, headers={"Range": f"0-{n}"}) for n in (99_999, 199_999)]
        last = Answer(202, headers={"Location": "/up/2"})
        server = hostile(accepting() | {"PATCH /up/1": [*answers, last]})
        pushes(storage, server)
        assert [told for told, _ in ranges(server)] == [
            None, f"100000-{SIZE - 1}", f"200000-{SIZE - 1}",
        ]  # fmt: skip

    @pytest.mark.parametrize("least", ["", "150000", "x", "-1", "9" * 30])
    def test_a_registry_that_takes_no_more_than_chunks(
        self, hostile: Start, storage: Storage, monkeypatch: pytest.MonkeyPatch, least: str
    ) -> None:
        monkeypatch.setattr(upload, "CHUNK_BYTES", 100_000)
        begin = Answer(202, headers={"Location": "/up/1", "OCI-Chunk-Min-Length": least})
        server = hostile(accepting() | {
            BEGIN: [begin],
            "PATCH /up/1": [Answer(413), Answer(202)],
            "GET /up/1": [Answer(204, headers={"Range": "0-0"})],
            "PUT /up/1": [Answer(201)],
        })  # fmt: skip
        pushes(storage, server)
        step = 150_000 if least == "150000" else 100_000
        starts = range(0, SIZE, step)
        expected = [(f"{n}-{min(n + step, SIZE) - 1}", min(step, SIZE - n)) for n in starts]
        assert ranges(server)[1:] == expected

    def test_a_registry_that_takes_no_chunk_either(
        self, hostile: Start, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(upload, "CHUNK_BYTES", 100_000)
        server = hostile(accepting() | {
            "PATCH /up/1": [Answer(413)], "GET /up/1": [Answer(204, headers={"Range": "0-0"})],
        })  # fmt: skip
        refused(storage, server, RegistryError, "413: 100000 bytes are too many")

    @pytest.mark.parametrize(
        "path", [BEGIN, "PATCH /up/1", "PUT /up/2", PUT_MANIFEST, f"HEAD /v2/x/blobs/{LAYER}"]
    )
    def test_a_registry_that_stays_busy(self, hostile: Start, storage: Storage, path: str) -> None:
        server = hostile(accepting() | {
            path: [Answer(503)], "GET /up/*": [Answer(204, headers={"Range": "0-0"})],
        })  # fmt: skip
        refused(storage, server, RegistryBusy, "503|loses|took nothing")
        assert len(server.requests()) < 40

    @pytest.mark.parametrize("path", [BEGIN, "PATCH /up/1", "PUT /up/2", PUT_MANIFEST])
    def test_a_registry_that_refuses(self, hostile: Start, storage: Storage, path: str) -> None:
        said = json.dumps({"errors": [{"message": "no \x1b[31m\n"}]}).encode()
        for status, error in ((403, Unauthorized), (418, RegistryError)):
            refused(storage, hostile(accepting() | {path: [Answer(status, said)]}), error)

    def test_a_registry_that_falls_silent(self, hostile: Start, storage: Storage) -> None:
        slow = Answer(202, body=b"x" * 50, trickle_s=1, headers={"Location": "/up/1"})
        server = hostile(accepting() | {PUT_MANIFEST: [slow]})
        settings = QUICK._replace(timeout_s=0.1)
        refused(storage, server, RegistryError, settings=settings)

    def test_a_registry_that_takes_nothing_more(
        self, hostile: Start, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 0.2)
        big = images.image([images.layer(images.tar(images.entry("f", bytes(20_000_000))), "")])
        routes = {
            f"HEAD /v2/x/blobs/{big.id}": PRESENT,
            BEGIN: [Answer(202, headers={"Location": "/up/1"})],
            "PATCH /up/1": [Answer(take=1000, linger_s=60)],
            "GET /up/1": [Answer(204, headers={"Range": "0-0"})],
        }
        server = hostile(routes)
        images.install(storage, big, f"{server.host}/x")
        with pytest.raises(RegistryError):
            push.push(storage, f"{server.host}/x", settings=QUICK._replace(timeout_s=0.1))

    def test_an_answer_without_end(self, hostile: Start, storage: Storage) -> None:
        endless = Answer(202, b"x" * 9000, {"Location": "/up/1"}, endless=True)
        pushes(storage, hostile(accepting() | {BEGIN: [endless]}))

    def test_a_rate_limit_is_shown(self, hostile: Start, storage: Storage) -> None:
        limits = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600",
                  "Retry-After": "3600"}  # fmt: skip
        server = hostile({"*": [Answer(429, headers=limits)]})
        refused(
            storage, server, RegistryBusy,
            "ratelimit-limit: 100;w=21600, ratelimit-remaining: 0;w=21600, retry-after: 3600",
        )  # fmt: skip
        assert len(server.requests()) == 1


class TestLies:
    @pytest.mark.parametrize("path", ["PUT /up/2", PUT_MANIFEST])
    def test_another_digest_than_was_sent(
        self, hostile: Start, storage: Storage, path: str
    ) -> None:
        for said in ("sha256:" + "0" * 64, "nonsense\t"):
            answer = Answer(201, headers={"Docker-Content-Digest": said})
            server = hostile(accepting() | {path: [answer]})
            refused(storage, server, CorruptContent, "stored .* where sha256:.* was sent")

    def test_a_blob_that_it_does_not_have_after_all(self, hostile: Start, storage: Storage) -> None:
        said = json.dumps({"errors": [{"message": "blob unknown to registry"}]}).encode()
        server = hostile(accepting() | {
            f"HEAD /v2/x/blobs/{LAYER}": PRESENT, PUT_MANIFEST: [Answer(400, said)],
        })  # fmt: skip
        refused(storage, server, RegistryError, "400.*blob unknown")

    @pytest.mark.parametrize(
        "location",
        ["", "file:///etc/passwd", "ftp://127.0.0.1/", "http://[::1", "javascript:1",
         "http://me:word@127.0.0.1/", "http://127.0.0.1:99999/", "http://a b/"],
    )  # fmt: skip
    def test_an_upload_that_leads_nowhere(
        self, hostile: Start, storage: Storage, location: str
    ) -> None:
        server = hostile(accepting() | {BEGIN: [Answer(202, headers={"Location": location})]})
        refused(storage, server, RegistryError)

    def test_an_upload_in_the_open(self, hostile: Start, storage: Storage) -> None:
        answer = Answer(202, headers={"Location": "http://upload.example/"})
        refused(storage, hostile(accepting() | {BEGIN: [answer]}), RegistryError, "in the open")

    def test_in_circles(self, hostile: Start, storage: Storage) -> None:
        circle = [Answer(307, headers={"Location": "/up/1"})]
        server = hostile(accepting() | {"PATCH /up/1": circle})
        refused(storage, server, RegistryError, "redirects without end")

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_a_redirect_that_would_forget_the_method(
        self, hostile: Start, storage: Storage, status: int
    ) -> None:
        answer = Answer(status, headers={"Location": "/elsewhere"})
        server = hostile(accepting() | {PUT_MANIFEST: [answer], "/elsewhere": [Answer(201)]})
        refused(storage, server, RegistryError, str(status))
        assert server.asked("/elsewhere") == []


class TestCredentials:
    WORD = base64.b64encode(b"me:secret").decode()

    def guarded(self, routes: dict[str, list[Answer]], needs: str, challenge: str) -> Any:
        return {
            path: [each._replace(needs=needs, challenge=challenge) for each in answers]
            for path, answers in routes.items()
        }

    def settings(self, tmp_path: Path, *hosts: str) -> Settings:
        entry = {"auth": self.WORD}
        (tmp_path / "auth.json").write_text(json.dumps({"auths": dict.fromkeys(hosts, entry)}))
        return QUICK._replace(auth_files=(str(tmp_path / "auth.json"),))

    @pytest.mark.parametrize("how", ["location", "redirect"])
    def test_they_do_not_follow_an_upload_to_another_host(
        self, hostile: Start, storage: Storage, tmp_path: Path, how: str
    ) -> None:
        elsewhere = hostile({"PATCH /up/1": [Answer(202)], "PUT /up/1": [Answer(201)]})
        target = f"http://{elsewhere.host}/up/1"
        routes = accepting()
        if how == "location":
            routes |= {BEGIN: [Answer(202, headers={"Location": target})]}
        else:
            redirect = [Answer(307, headers={"Location": target})]
            routes |= {"PATCH /up/1": redirect, "PUT /up/1": redirect}
        server = hostile(self.guarded(routes, f"Basic {self.WORD}", 'Basic realm="r"'))
        pushes(storage, server, self.settings(tmp_path, server.host, elsewhere.host))
        [patch] = sent(elsewhere, "PATCH")
        assert patch["digest"] == LAYER
        assert not [h for _, h in elsewhere.requests() if "Authorization" in h]

    def test_a_host_that_asks_for_them_gets_none(
        self, hostile: Start, storage: Storage, tmp_path: Path
    ) -> None:
        elsewhere = hostile({"*": [Answer(needs="any", challenge='Basic realm="r"')]})
        answer = Answer(202, headers={"Location": f"http://{elsewhere.host}/up"})
        server = hostile(accepting() | {BEGIN: [answer]})
        settings = self.settings(tmp_path, server.host, elsewhere.host)
        refused(storage, server, Unauthorized, settings=settings)
        assert not [h for _, h in elsewhere.requests() if "Authorization" in h]

    def test_a_token_is_good_for_all_that_a_push_touches(
        self, hostile: Start, storage: Storage
    ) -> None:
        tokens = hostile({"/token": [Answer(body=b'{"token":"t"}')]})
        challenge = (
            f'Bearer realm="http://{tokens.host}/token",service="s",scope="repository:x:pull"'
        )
        mounted = {BEGIN: [Answer(201)]}
        server = hostile(self.guarded(accepting() | mounted, "Bearer t", challenge))
        images.install(storage, BUILT, f"{server.host}/from/here")
        pushes(storage, server)
        [path] = [path for path, _ in tokens.requests()]
        assert path.endswith(
            "scope=repository%3Ax%3Apull%2Cpush&scope=repository%3Afrom%2Fhere%3Apull"
        )
        [post] = [path for path, h in server.requests() if h["method"] == "POST"]
        assert "from=from%2Fhere" in post

    def test_a_mount_that_is_refused_is_an_upload(self, hostile: Start, storage: Storage) -> None:
        begins = [Answer(403), *accepting()[BEGIN]]
        server = hostile(accepting() | {BEGIN: begins})
        images.install(storage, BUILT, f"{server.host}/from/here")
        pushes(storage, server)
        assert len(sent(server, "PATCH")) == 1

    def test_401_for_ever(self, hostile: Start, storage: Storage, tmp_path: Path) -> None:
        for path in (f"HEAD /v2/x/blobs/{BUILT.id}", "PATCH /up/1", PUT_MANIFEST):
            guarded = Answer(needs="never", challenge='Basic realm="r"')
            server = hostile(accepting() | {path: [guarded]})
            settings = self.settings(tmp_path, server.host)
            refused(storage, server, Unauthorized, "push access denied", settings)
            assert len(server.requests()) < 10

    def test_they_are_not_told_in_the_open(
        self, hostile: Start, storage: Storage, tmp_path: Path
    ) -> None:
        challenge = 'Bearer realm="http://tokens.example/token"'
        server = hostile({"*": [Answer(needs="never", challenge=challenge)]})
        settings = self.settings(tmp_path, server.host)
        refused(storage, server, Unauthorized, "sent in the open, to tokens.example", settings)

    def test_a_refresh_token_does_not_follow_a_redirect(
        self, hostile: Start, storage: Storage, tmp_path: Path
    ) -> None:
        thief = hostile({"*": [Answer(body=b'{"access_token":"t"}')]})
        tokens = hostile({"*": [Answer(307, headers={"Location": f"http://{thief.host}/"})]})
        challenge = f'Bearer realm="http://{tokens.host}/token"'
        server = hostile({"*": [Answer(needs="never", challenge=challenge)]})
        entry = {"auths": {server.host: {"identitytoken": "precious"}}}
        (tmp_path / "auth.json").write_text(json.dumps(entry))
        settings = QUICK._replace(auth_files=(str(tmp_path / "auth.json"),))
        refused(storage, server, RegistryError, "wants what we send", settings)
        assert thief.requests() == []


class TestLogin:
    def login(self, server: Hostile, tmp_path: Path, **options: Any) -> Any:
        settings = QUICK._replace(auth_files=(str(tmp_path / "config.json"),), **options)
        login.login(settings, server.host, Credentials("me", "secret"))
        return json.loads((tmp_path / "config.json").read_text())["auths"][server.host]

    def guarded(self, tokens: Hostile) -> Answer:
        return Answer(needs="Bearer t", challenge=f'Bearer realm="http://{tokens.host}/t"')

    def test_an_identity_token_is_kept_instead_of_the_password(
        self, hostile: Start, tmp_path: Path
    ) -> None:
        answer = json.dumps({"token": "t", "refresh_token": "come back"}).encode()
        tokens = hostile({"/t": [Answer(body=answer)]})
        server = hostile({"/v2/": [self.guarded(tokens)]})
        entry = self.login(server, tmp_path)
        assert entry["identitytoken"] == "come back"
        assert base64.b64decode(entry["auth"]) == b"me:"
        [(path, headers)] = tokens.requests()
        assert "offline_token=true" in path
        assert "scope=" not in path
        assert base64.b64decode(headers["Authorization"].split()[1]) == b"me:secret"

    def test_a_registry_that_lets_everybody_in(self, hostile: Start, tmp_path: Path) -> None:
        assert self.login(hostile({"/v2/": [Answer()]}), tmp_path)["auth"]

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Answer(401, headers={"WWW-Authenticate": 'Basic realm="r"'}), Unauthorized),
            (Answer(401), Unauthorized),
            (Answer(403), Unauthorized),
            (Answer(404), RegistryError),
            (Answer(503), RegistryBusy),
            (Answer(307, headers={"Location": "/v2/"}), RegistryError),
            (Answer(cut=0, body=b"x" * 100, needs="never", challenge="=,="), Unauthorized),
            (Answer(needs="never", challenge="Bearer"), RegistryError),
        ],
    )
    def test_a_registry_that_does_not(
        self, hostile: Start, tmp_path: Path, answer: Answer, error: type[CuddyError]
    ) -> None:
        server = hostile({"*": [answer]})
        with pytest.raises(error) as caught:
            self.login(server, tmp_path)
        assert type(caught.value) is error
        assert "\n" not in str(caught.value)
        assert len(server.requests()) < 15
        assert not (tmp_path / "config.json").exists()

    def test_a_redirect_gets_nothing(self, hostile: Start, tmp_path: Path) -> None:
        thief = hostile({"*": [Answer(needs="any", challenge='Basic realm="r"')]})
        server = hostile({"*": [Answer(307, headers={"Location": f"http://{thief.host}/v2/"})]})
        with pytest.raises(Unauthorized):
            self.login(server, tmp_path)
        assert not [h for _, h in thief.requests() if "Authorization" in h]


class TestLists:
    def tags(self, server: Hostile) -> list[str]:
        return tags.tags(QUICK, f"{server.host}/x")

    def page(self, names: object, link: str = "") -> Answer:
        body = json.dumps({"tags": names}).encode()
        return Answer(body=body, headers={"Link": f'<{link}>; rel="next"'} if link else {})

    def test_page_by_page(self, hostile: Start) -> None:
        pages = [self.page(["1", "2"], "/v2/x/tags/list?last=2"), self.page(["3"])]
        server = hostile({"/v2/x/tags/list": pages})
        assert self.tags(server) == ["1", "2", "3"]
        assert [path for path, _ in server.requests()] == [
            "/v2/x/tags/list?n=1000", "/v2/x/tags/list?last=2",
        ]  # fmt: skip

    def test_the_next_page_is_never_another_host_s(self, hostile: Start) -> None:
        thief = hostile({"*": [self.page(["evil"])]})
        first = self.page(["1"], f"http://{thief.host}/v2/x/tags/list?last=1")
        assert self.tags(hostile({"/v2/x/tags/list": [first, self.page(["2"])]})) == ["1", "2"]
        assert thief.requests() == []

    def test_no_tags(self, hostile: Start) -> None:
        assert self.tags(hostile({"*": [self.page(None)]})) == []

    def test_in_circles(self, hostile: Start) -> None:
        server = hostile({"*": [self.page(["1"], "/v2/x/tags/list?last=1")]})
        with pytest.raises(RegistryError, match="without end"):
            self.tags(server)
        assert len(server.requests()) < 5

    @pytest.mark.parametrize(
        "body",
        [b"", b"[]", b"{}", b'{"tags":5}', b'{"tags":[5]}', b'{"tags":[""]}', b'{"tags":["a\\nb"]}',
         b'{"tags":["-x"]}', b'{"tags":["' + b"x" * 600 + b'"]}', b"[" * 9999],
    )  # fmt: skip
    def test_lists_that_are_none(self, hostile: Start, body: bytes) -> None:
        with pytest.raises(RegistryError):
            self.tags(hostile({"*": [Answer(body=body)]}))

    @pytest.mark.parametrize(
        "answer",
        [Answer(body=b"x" * 9000, endless=True), Answer(body=b"x" * 9000, trickle_s=0.2),
         Answer(503), Answer(body=b"{", length=500), Answer(401)],
    )  # fmt: skip
    def test_answers_that_are_none(self, hostile: Start, answer: Answer) -> None:
        server = hostile({"*": [answer]})
        with pytest.raises(RegistryError):
            tags.tags(QUICK._replace(timeout_s=0.3), f"{server.host}/x")
        assert len(server.requests()) < 10


class TestSearch:
    RESULTS = {
        "results": [
            {"name": "alp", "description": "short", "star_count": 5, "is_official": True},
            {"name": "team/alp", "description": None, "star_count": 50},
        ]
    }

    def search(self, server: Hostile, term: str = "alp") -> list[search.Found]:
        return search.search(QUICK, f"{server.host}/{term}", limit=25)

    def test_an_index(self, hostile: Start) -> None:
        server = hostile({"/v1/search": [Answer(body=json.dumps(self.RESULTS).encode())]})
        assert self.search(server, "a&b") == [
            search.Found("alp", "short", 5, True), search.Found("team/alp", "", 50),
        ]  # fmt: skip
        assert server.requests()[0][0] == "/v1/search?q=a%26b&n=25"

    def test_docker_hub_may_be_somewhere_else(self, hostile: Start) -> None:
        server = hostile({"/v1/search": [Answer(body=json.dumps(self.RESULTS).encode())]})
        settings = QUICK._replace(rules=(Rule("docker.io", server.host),))
        assert len(search.search(settings, "alp", limit=1)) == 1

    def test_a_catalog(self, hostile: Start) -> None:
        names = json.dumps({"repositories": ["b/alp", "alpine", "zzz"]}).encode()
        server = hostile({"/v2/_catalog": [Answer(body=names)]})
        found = [each.name for each in self.search(server)]
        assert found == [f"{server.host}/alpine", f"{server.host}/b/alp"]

    @pytest.mark.parametrize(
        "body",
        [b"", b"[]", b"{}", b'{"results":5}', b'{"results":[{}]}', b'{"results":[[]]}',
         b'{"results":[{"name":"x","star_count":"many"}]}'],
    )  # fmt: skip
    def test_results_that_are_none(self, hostile: Start, body: bytes) -> None:
        with pytest.raises(RegistryError):
            self.search(hostile({"/v1/search": [Answer(body=body)]}))

    def test_neither(self, hostile: Start) -> None:
        with pytest.raises(RegistryError, match="404"):
            self.search(hostile({}))
