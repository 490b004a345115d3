"""No request is a surprise: whatever is asked, a server answers what its clients can read, goes on
serving, and leaves nothing behind.

Here a few of all requests are made, always the same ones; `make fuzz-api` makes more of them
(probes.py), and has schemathesis think of many more.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

import openapi
import probes
from console import Cuddy
from engine_api import Answer, Api, serving
from probes import Operation, Probe

AMOUNT = int(os.environ.get("CUDDY_TESTS_FUZZ", "0"))
"""How many requests of each kind; 0: as many as there is time for in every run of the tests."""
ONLY = os.environ.get("CUDDY_TESTS_FUZZ_ONLY", "")
"""A part of the paths that are asked."""
FEW = 2
AWAY = ("/auth", "/images/create", "/images/search", "/push", "/distribution")
"""What asks other machines, which may fail with 500, and take its time."""
NEXT = {"/containers/create": "/containers/{}/start", "/containers/{name}/exec": "/exec/{}/start"}
"""What is begun by another request, with all that was odd about it."""
BREAKING = ("disconnect", "kill", "pause", "prune", "rename", "restart", "stop", "update")
PATIENCE_S = 0.3
"""Streams and waits without an end have begun by then."""
BUG = re.compile(
    r"bug in cuddy|Traceback|\b[A-Z][a-z]+(?:[A-Z][a-z]+)*(?:Error|Exception|Iteration)\b"
)


def is_wanted(method: str, path: str) -> bool:
    return ONLY in path and (bool(AMOUNT) or not any(part in path for part in AWAY))


def test_the_document_has_all_that_is_asked_for() -> None:
    found = openapi.document()
    operations = [each for path in found["paths"].values() for each in path.values()]
    named = {parameter["name"] for each in operations for parameter in each["parameters"]}
    assert openapi.all_parameters() <= named
    schemas = [
        each["requestBody"]["content"]["application/json"]["schema"]
        for each in operations if "requestBody" in each
    ]  # fmt: skip
    assert openapi.all_fields() <= {name for each in schemas for name in openapi.all_names(each)}


@pytest.fixture
def api(home_in: Callable[[Path], Cuddy], tmp_path: Path) -> Iterator[Api]:
    """A server of a Home that a request may ruin; it says on standard error what goes wrong."""
    cuddy = home_in(tmp_path / "home")
    cuddy.environment["CUDDY_DEBUG"] = "1"
    with serving(cuddy, tmp_path / "api.sock") as api:
        yield api
    cuddy.ok("ps", "-a")
    cuddy.remove_all()
    log = (tmp_path / "api.log").read_text()
    assert "Traceback" not in log, log[log.index("Traceback") :][:3000]


def furnish(api: Api) -> None:
    """What requests are about: a container that runs, an image, a network, a volume."""
    api("POST", "/images/keep/tag", repo="alpine", tag="latest")
    inspected = api("GET", "/containers/box/json")
    if inspected.status == 200 and not inspected.json["State"]["Running"]:
        assert api("DELETE", "/containers/box", force=1).status == 204
    if inspected.status != 200 or not inspected.json["State"]["Running"]:
        body = {"Image": "alpine", "Cmd": ["sleep", "1000"], "StopSignal": "KILL"}
        assert api("POST", "/containers/create", body, name="box").status == 201
        assert api("POST", "/containers/box/start").status == 204
    elif inspected.json["State"]["Paused"]:
        assert api("POST", "/containers/box/unpause").status == 204
    if api("GET", "/networks/net").status == 404:
        assert api("POST", "/networks/create", {"Name": "net"}).status == 201
    assert api("POST", "/volumes/create", {"Name": "vol"}).status == 201


def test_nothing_that_is_wrong_in_one_place_is_a_surprise(api: Api) -> None:
    answer = api("POST", "/images/alpine/tag", repo="keep")
    assert answer.status == 201
    found: list[str] = []
    count = 0
    if AMOUNT:
        signal.alarm(0)
    for operation in probes.operations():
        if not is_wanted(operation.method, operation.path):
            continue
        if not count:
            furnish(api)
        for probe in probes.all_probes(operation)[: AMOUNT or FEW]:
            count += 1
            found += surprises(api, operation, probe)
            if AMOUNT and count % 20 == 0 and operation.method != "GET":
                furnish(api)
        tidy(api, operation)
        if AMOUNT:
            print(operation.method, operation.path, count, len(found), flush=True)
    print(f"{count} requests")
    assert not found, "\n".join(found)


@pytest.mark.filterwarnings("ignore")
def test_nothing_that_schemathesis_thinks_of_is_a_surprise(api: Api) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    assert api("POST", "/images/alpine/tag", repo="keep").status == 201
    furnish(api)
    by_place = {(each.method, each.path): each for each in probes.operations()}
    found: list[str] = []
    if AMOUNT:
        signal.alarm(0)
    schema = schemathesis.openapi.from_dict(openapi.document(is_wanted))
    for result in schema.get_all_operations():
        operation = by_place[(result.ok().method.upper(), result.ok().path)]
        if not (AMOUNT or operation.path in probes.BASES):
            continue
        for mode in schemathesis.GenerationMode:
            cases = result.ok().as_strategy(generation_mode=mode)
            found += thought_of(api, operation, cases)
        if AMOUNT:
            print(operation.method, operation.path, len(found), flush=True)
        tidy(api, operation)
    assert not found, "\n".join(sorted(set(found)))


def thought_of(api: Api, operation: Operation, cases: Any) -> list[str]:
    """What answers there are to such cases that should not be."""
    found: list[str] = []

    @settings(
        max_examples=AMOUNT or 1,
        deadline=None,
        database=None,
        derandomize=not AMOUNT,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def ask(case: Any) -> None:
        found.extend(surprises(api, operation, probe_of(case)))

    with suppress(Unsatisfiable):  # what takes nothing cannot be given something wrong
        ask()
    return found


def probe_of(case: Any) -> Probe:
    """A case as it is sent."""
    names = {
        name: quote(str(each), safe="%/:", errors="surrogatepass")
        for name, each in (case.path_parameters or {}).items()
    }
    path = quote(case.path.format(**names) if names else case.path, safe="%/:")
    query = {name: value for name, value in (case.query or {}).items() if value is not None}
    asked = urlencode(query, doseq=True, errors="surrogatepass")
    is_json = isinstance(case.body, dict | list | str | int | float | bool)
    body = json.dumps(case.body).encode() if is_json else b""
    kind = probes.JSON if body else b""
    return Probe(case.method.upper(), f"{path}?{asked}".encode(), kind, body)


def tidy(api: Api, operation: Operation) -> None:
    """What an operation may have broken or made is as before."""
    if operation.method == "DELETE" or operation.path.rpartition("/")[2] in BREAKING:
        furnish(api)
    if operation.path in ("/containers/create", "/containers/{name}/rename"):
        for each in api.get("/containers/json", all=1):
            if "/box" not in each["Names"]:
                api("DELETE", f"/containers/{each['Id']}", force=1, v=1)


def surprises(api: Api, operation: Operation, probe: Probe) -> list[str]:
    """What should not be in the answer to a request."""
    began_s = time.monotonic()
    try:
        answer = exchange(api, probe)
    except (http.client.HTTPException, ConnectionError) as error:
        return [f"{probe}: {error!r}"]
    if answer and answer.status == 201 and operation.path in NEXT:
        return begun(api, operation, probe, answer.json["Id"])
    took_s = time.monotonic() - began_s
    problem = "" if answer is None else complaint(operation, probe, answer)
    if took_s > 5 and not any(part in operation.path for part in AWAY):
        problem = problem or f"{took_s:.1f} s"
    return [f"{probe}: {problem}"] if problem else []


def begun(api: Api, operation: Operation, probe: Probe, made: str) -> list[str]:
    """What should not be in the answer when what has been made is begun. It may fail."""
    path = NEXT[operation.path].format(made)
    answer = exchange(api, Probe("POST", path.encode(), probes.JSON, b"{}"))
    if not answer or (answer.status != 500 and not complaint(operation, probe, answer)):
        return []
    text = answer.data.decode(errors="replace")
    return [f"{probe}, begun: {text}"] if BUG.search(text) else []


def complaint(operation: Operation, probe: Probe, answer: Answer) -> str:
    """What is wrong with an answer; '' if nothing is."""
    text = answer.data.decode(errors="replace")
    is_away = any(part in operation.path for part in AWAY)
    if (answer.status == 500 and not is_away) or BUG.search(text):
        return f"{answer.status} {text[:400]}"
    if answer.status >= 400 and probe.method != "HEAD":
        try:
            document = json.loads(text)
        except ValueError:
            return f"{answer.status}, and no JSON: {text[:400]}"
        if list(document) != ["message"] or not isinstance(document["message"], str):
            return f"{answer.status}: {text[:400]}"
        if answer.headers.get("Content-Type") != "application/json":
            return f"{answer.status} of {answer.headers.get('Content-Type')}"
    return ""


def exchange(api: Api, probe: Probe) -> Answer | None:
    """The answer, as far as it goes; None if it goes on."""
    patience_s = 20 if any(part in probe.target.decode() for part in AWAY) else PATIENCE_S
    with api.connect() as sock:
        with suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(probe.head + probe.body)
        response = http.client.HTTPResponse(sock, method=probe.method)
        try:
            response.begin()
        except TimeoutError:
            return None
        is_stream = response.status == 101 or response.getheader("Content-Length") is None
        sock.settimeout(patience_s if is_stream else 20)
        data = b""
        with suppress(TimeoutError):
            data = response.read(1 << 16 if response.status < 400 else None)
        with response:
            return Answer(response.status, dict(response.headers), data)
