"""An OpenAPI document of the API, read off the code: every route, every parameter and every field
that a handler asks for, with the type that it asks for.

    call.flag("all")                     a parameter of the query: found in the source
    fields.texts(document, "Env")        a field of the body: found by giving the body's reader a
                                         document that writes down what it is asked
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from cuddy.api import (
    absent,
    commit,
    container,
    create_config,
    create_devices,
    create_host,
    create_mounts,
    create_networks,
    execs,
    fields,
    networks,
    routes,
    volumes,
)
from cuddy.engine.home import Home
from cuddy.errors import CuddyError

API = Path(routes.__file__).parent
PARAMETERS = {
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "flag": {"type": "boolean"},
    "number": {"type": "integer"},
    "filters": {"type": "string"},
}
"""Ways in which `Call` is asked for a parameter, and what is sent then."""
FIELDS = {
    "text": {"type": "string"},
    "flag": {"type": "boolean"},
    "number": {"type": "integer"},
    "numbers": {"type": "array", "items": {"type": "integer"}},
    "texts": {"type": "array", "items": {"type": "string"}},
    "words": {"type": "array", "items": {"type": "string"}},
    "mapping": {"type": "object"},
    "mappings": {"type": "array", "items": {"type": "object"}},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "lists": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
}
"""Accessors of `fields.py`, and what they take."""
ANY = "net"
"""The name of a field that may have any."""
HARMLESS = {
    "Binds": ["", ":", "a", "a:b", "a:/b", "a:/b:ro,z", "/tmp:/x", "::", "a:/b:c:d", "/tmp:/../x"],
    "PathOnHost": ["", "/dev/null", "/dev/nosuch", "null", "/dev/../null"],
    "Image": ["", "alpine", "alpine:latest", "nosuch", "a b", "sha256:00", "//", "@"],
    "Source": ["", "stock", "/tmp", "a b", ".."],
}
"""Values of fields that could do something to the machine, and some that are often needed."""
NAMES = ["box", "alpine", "bridge", "stock", "nosuch", "a/b", "%2e%2e", "%00", "sha256:0", "-", "é"]
TREES = {path.stem: ast.parse(path.read_text()) for path in API.glob("*.py")}


def document(is_wanted: Callable[[str, str], bool] = lambda method, path: True) -> dict[str, Any]:
    """The whole document, or that of some endpoints."""
    paths: dict[str, Any] = {}
    for method, pattern, handler in routes.ROUTES:
        path = pattern.replace("{name:.*}", "{name}")
        if not is_wanted(method, path) or handler is absent.leads_no_swarm:
            continue
        module, name = handler.__module__.rpartition(".")[2], handler.__name__
        found = operation(method, path, module, name)
        if method in ("POST", "PUT"):
            flat = {key: FIELDS[kind] for key, kind in fields_of(module, name).items()}
            body = {"type": "object", "properties": deep_bodies().get(handler, flat)}
            found["requestBody"] = {"content": {"application/json": {"schema": safe(body)}}}
        paths.setdefault(path, {})[method.lower()] = found
    return {
        "openapi": "3.0.3",
        "info": {"title": "Docker Engine API of cuddy", "version": "1.45"},
        "paths": paths,
    }


def operation(method: str, path: str, module: str, name: str) -> dict[str, Any]:
    query = {}
    for function in reachable(module, name):
        query |= parameters_of(function)
    parameters = [
        {"name": each, "in": "query", "schema": schema} for each, schema in sorted(query.items())
    ]
    if "{name}" in path:
        schema = {"anyOf": [{"enum": NAMES}, {"type": "string", "minLength": 1}]}
        parameters.append({"name": "name", "in": "path", "required": True, "schema": schema})
    answers = {"default": {"description": "an answer, or an error as JSON"}}
    return {"parameters": parameters, "responses": answers}


class Asking(dict[str, Any]):
    """A document that has nothing in it, and writes down what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.properties: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter((ANY,))

    def give(self, name: str, kind: str) -> Any:
        """What is under a name for an accessor: nothing, or another such document."""
        if kind == "has":
            return name != "ClusterVolumeSpec"  # refused whatever it is
        if kind not in ("mapping", "mappings"):
            self.properties.setdefault(name, FIELDS[kind])
            return None
        inner = Asking()
        found = {"type": "object", "properties": inner.properties}
        is_list = kind == "mappings"
        self.properties[name] = {"type": "array", "items": found} if is_list else found
        return [inner] if is_list else inner


def asking() -> Any:
    """Inside `with`, documents that ask are answered as others are."""
    usual = fields.value

    def value(document: Any, name: str) -> Any:
        if not isinstance(document, Asking):
            return usual(document, name)
        kind = sys._getframe(1).f_code.co_name
        return document.give(name, sys._getframe(2).f_code.co_name if kind == "_list" else kind)

    return mock.patch.object(fields, "value", value)


def of_reader(*readers: Callable[[Asking], object]) -> dict[str, Any]:
    """The fields of a document that readers ask for."""
    document = Asking()
    with asking():
        for read in readers:
            with suppress(CuddyError):
                read(document)
    return document.properties


def of_handler(handler: Callable[[Any], object]) -> dict[str, Any]:
    """The fields that a handler asks for before it finds that nothing is where it looks."""
    home = Home("/nonexistent", "/nonexistent")
    return of_reader(
        lambda document: handler(
            SimpleNamespace(home=home, ref="none", document=lambda: document, answer=print)
        )
    )


@cache
def deep_bodies() -> dict[Any, dict[str, Any]]:
    """By handler, the fields of bodies that have documents in them."""
    host, endpoints = Asking(), Asking()
    top = of_reader(
        create_config.options,
        lambda document: create_mounts.options(document, host),
        lambda document: create_networks.options(document, host, endpoints),
    )
    more = of_reader(create_host.options, create_devices.options)
    inside = {"type": "object", "properties": endpoints.properties}
    top["Runtime"] = FIELDS["text"]
    top["HostConfig"] = {"type": "object", "properties": host.properties | more}
    top["NetworkingConfig"] = {"type": "object", "properties": {"EndpointsConfig": inside}}
    return {
        routes.create.create_: top,
        networks.create: of_reader(networks.read_wish),
        networks.join: of_handler(networks.join),
        networks.leave: of_handler(networks.leave),
        volumes.create: of_reader(volumes.read_wish),
        commit.commit_: of_reader(commit.read_config),
        container.update_: of_handler(container.update_),
        execs.create: of_handler(execs.create),
    }


def safe(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, with fields that could do something to this machine held to what is harmless."""
    properties = {
        name: harmless(name, safe(each)) for name, each in schema.get("properties", {}).items()
    }
    own = {"properties": properties} if properties else {}
    items = {"items": safe(schema["items"])} if "items" in schema else {}
    return {**schema, **own, **items}


def harmless(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name not in HARMLESS:
        return schema
    choice = {"enum": HARMLESS[name]}
    return {"type": "array", "items": choice} if schema["type"] == "array" else choice


def reachable(module: str, name: str) -> Iterator[ast.stmt]:
    """A handler, and the functions of this package that it calls, and they in turn."""
    pending, seen = [(module, name)], set()
    while pending:
        where = pending.pop()
        if where in seen or where[0] not in TREES:
            continue
        seen.add(where)
        for node in TREES[where[0]].body:
            is_named = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if is_named and node.name == where[1]:
                yield node
                pending += called(where[0], node)


def called(module: str, function: ast.stmt) -> Iterator[tuple[str, str]]:
    """Names that a function uses, of its own module and of others of the package."""
    aliases = imported(module)
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield module, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield aliases.get(node.value.id, node.value.id), node.attr


def imported(module: str) -> dict[str, str]:
    """Other names under which modules of the package are known in one."""
    return {
        alias.asname or alias.name: alias.name
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def parameters_of(function: ast.stmt) -> dict[str, Any]:
    """Parameters of the query that a function asks for."""
    query: dict[str, Any] = {}
    for owner, way, words in calls(function):
        if owner == "call" and way == "filters":
            query["filters"] = PARAMETERS["filters"]
        elif owner == "call" and way in PARAMETERS and words:
            query[words[0]] = PARAMETERS[way]
    return query


def fields_of(module: str, name: str) -> dict[str, str]:
    """Fields of the body by name that a handler and what it calls ask for, and how."""
    return {
        words[0]: way
        for function in reachable(module, name)
        for owner, way, words in calls(function)
        if owner == "fields" and way in FIELDS and words
    }


def calls(function: ast.stmt) -> Iterator[tuple[str, str, list[str]]]:
    """Calls of an attribute in a function: of what, which, with which words."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            words = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
            yield ast.unparse(node.func.value), node.func.attr, words


def all_parameters() -> set[str]:
    """Every parameter that any code of the package asks a call for, by its text alone."""
    texts = [path.read_text() for path in API.glob("*.py")]
    pattern = re.compile(r'\bcall\.(?:text|texts|flag|number)\(\s*"([^"]+)"')
    return {name for text in texts for name in pattern.findall(text)}


def all_fields() -> set[str]:
    """Every field that any code of the package asks a document for, by its text alone."""
    texts = [path.read_text() for path in API.glob("*.py")]
    ways = "|".join(FIELDS)
    pattern = re.compile(rf'\bfields\.(?:{ways})\(\s*\w+,\s*"([^"]+)"')
    return {name for text in texts for name in pattern.findall(text)}


def all_names(schema: dict[str, Any]) -> Iterator[str]:
    """Every field of a schema, however deep."""
    for name, each in schema.get("properties", {}).items():
        yield name
        yield from all_names(each)
    if "items" in schema:
        yield from all_names(schema["items"])
