"""Credentials in headers, whatever is in them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.api import credentials
from cuddy.image.credentials import Credentials

FIELDS = {"username": "a?>", "password": "b~~", "serveraddress": "r.example"}


@pytest.mark.parametrize("encode", [base64.urlsafe_b64encode, base64.b64encode])
@pytest.mark.parametrize("is_padded", [True, False])
def test_both_alphabets_are_read(encode: Any, is_padded: bool) -> None:
    header = encode(json.dumps(FIELDS).encode()).decode()
    assert credentials.decode(header if is_padded else header.rstrip("=")) == FIELDS


@pytest.mark.parametrize("header", ["", "e30=", "!", "bnVsbA==", "W10=", "e30", "====", "YQ"])
def test_what_is_malformed_is_nobody(header: str) -> None:
    assert credentials.decode(header) == {}
    assert credentials.read({}) is None


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    found = credentials.decode(header)
    assert isinstance(found, dict)
    credentials.read(found)


@given(st.dictionaries(st.sampled_from([*FIELDS, "auth", "identitytoken", "registrytoken"]),
                       st.none() | st.booleans() | st.text() | st.lists(st.text())))  # fmt: skip
def test_no_document_is_an_error(document: dict[str, Any]) -> None:
    found = credentials.read(document)
    assert found is None or found.access_token.isascii()


def test_each_kind_is_understood() -> None:
    joined = base64.b64encode(b"me:pass:word").decode()
    assert credentials.read({"auth": joined}) == Credentials("me", "pass:word")
    assert credentials.read({"identitytoken": "t"}) == Credentials("", "", "t")
    assert credentials.read({"registrytoken": "t"}) == Credentials("", "", "", "t")


def test_a_server_is_its_host() -> None:
    hub = credentials.host_of("docker.io")
    for server in ("", "https://index.docker.io/v1/", "registry-1.docker.io", "index.docker.io"):
        assert credentials.host_of(server) == hub
    for server in ("r.example:5000", "https://R.example:5000/v2/", "r.example:5000/v1"):
        assert credentials.host_of(server) == "r.example:5000"
