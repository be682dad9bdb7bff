"""The byte formats: fixed vectors, made without this code from docs/vault-format.md alone, and what must not open."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.vault import VaultError, sealing
from clinic.vault.stream import BlobReader

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
DATA_KEY = bytes.fromhex(VECTORS["data_key"])


def each(kind: str) -> pytest.MarkDecorator:
    """One test a vector, under its own name."""
    return pytest.mark.parametrize("vector", [pytest.param(one, id=one["name"]) for one in VECTORS[kind]])


@each("wrapped")
def test_a_wrapped_key_opens_only_with_its_own_key_for_its_own_patient(vector: dict[str, Any]) -> None:
    def unwrap() -> bytes:
        return sealing.unwrap(
            bytes.fromhex(vector["kek"]),
            vector["kek_version"],
            bytes.fromhex(vector["wrapped"]),
            vector["patient_id"],
            vector["key_version"],
        )

    if vector["error"] is None:
        assert unwrap() == DATA_KEY
    else:
        with pytest.raises(VaultError) as caught:
            unwrap()
        assert caught.value.code == vector["error"]


@each("values")
def test_a_sealed_value_opens_only_where_it_was_sealed(vector: dict[str, Any]) -> None:
    sealed, place = bytes.fromhex(vector["sealed"]), sealing.Place(**vector["place"])
    if vector["error"] is None:
        assert sealing.unseal(DATA_KEY, sealed, place) == bytes.fromhex(vector["plaintext"])
    else:
        with pytest.raises(VaultError) as caught:
            sealing.unseal(DATA_KEY, sealed, place)
        assert caught.value.code == vector["error"]


@each("blobs")
def test_a_blob_opens_only_whole_and_under_its_own_id(vector: dict[str, Any]) -> None:
    def read() -> bytes:
        file = io.BytesIO(bytes.fromhex(vector["sealed"]))
        return BlobReader(file, vector["patient_id"], vector["blob_id"], lambda _version: DATA_KEY).read()

    if vector["error"] is None:
        assert read() == bytes.fromhex(vector["plaintext"])
    else:
        with pytest.raises(VaultError) as caught:
            read()
        assert caught.value.code == vector["error"]


parts = st.lists(st.text(max_size=6), max_size=4)


@given(parts, parts)
def test_no_two_lists_of_fields_give_the_same_associated_data(one: list[str], other: list[str]) -> None:
    assert (sealing.fields(*one) == sealing.fields(*other)) == (one == other)


@given(st.binary(max_size=200))
def test_the_same_plaintext_never_seals_to_the_same_bytes(plaintext: bytes) -> None:
    place = sealing.Place("p", "note", "r", "body_sealed")
    first, second = (sealing.seal(DATA_KEY, 1, plaintext, place) for _ in range(2))
    assert first != second
    assert sealing.unseal(DATA_KEY, first, place) == sealing.unseal(DATA_KEY, second, place) == plaintext


def test_the_parameters_are_those_of_the_document() -> None:
    sealed = sealing.seal(DATA_KEY, 7, b"", sealing.Place("p", "t", "r", "c"))
    assert len(sealed) == 4 + 4 + 12 + 16
    assert sealed[:8] == b"SVV\x01\x00\x00\x00\x07"
