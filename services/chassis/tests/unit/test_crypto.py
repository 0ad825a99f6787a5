"""What is sealed opens only in its place, with its key; and names are found however they are typed."""

from __future__ import annotations

import base64
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.crypto import OPENED_MAX, OPENED_SECONDS, SealBroken, Vault, WrappedKey, fold
from chassis.errors import SettingsRefused

VAULT = Vault(b"m" * 32)
KEY = VAULT.new_person_key()


@given(st.binary(max_size=500), st.text(max_size=50))
def test_what_is_sealed_opens_again(plaintext: bytes, context: str) -> None:
    assert VAULT.open(KEY, VAULT.seal(KEY, plaintext, context=context), context=context) == plaintext


@given(st.binary(max_size=80), st.data())
def test_altered_bytes_do_not_open(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(KEY, plaintext, context="a"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SealBroken):
        VAULT.open(KEY, bytes(sealed), context="a")


@given(st.integers(0, 100))
def test_truncated_bytes_do_not_open(length: int) -> None:
    sealed = VAULT.seal(KEY, b"x" * 100, context="a")

    with pytest.raises(SealBroken):
        VAULT.open(KEY, sealed[:length], context="a")
    with pytest.raises(SealBroken):
        VAULT.open(WrappedKey(KEY[: length % len(KEY)]), sealed, context="a")


def test_value_moved_to_another_place_does_not_open() -> None:
    sealed = VAULT.seal(KEY, b"Camille", context="referrals.referral:1:person")

    with pytest.raises(SealBroken):
        VAULT.open(KEY, sealed, context="referrals.referral:2:person")


def test_value_of_another_person_or_service_does_not_open() -> None:
    sealed = VAULT.seal(KEY, b"Camille", context="a")

    with pytest.raises(SealBroken):
        VAULT.open(VAULT.new_person_key(), sealed, context="a")
    with pytest.raises(SealBroken, match="another master key"):
        Vault(b"n" * 32).open(KEY, sealed, context="a")


def test_same_value_sealed_twice_looks_different() -> None:
    assert VAULT.seal(KEY, b"Camille", context="a") != VAULT.seal(KEY, b"Camille", context="a")
    assert b"Camille" not in VAULT.seal(KEY, b"Camille", context="a")


def test_opened_keys_are_forgotten_after_a_minute_and_above_a_number() -> None:
    now = [0.0]
    vault = Vault(b"m" * 32, monotonic=lambda: now[0])
    keys = [vault.new_person_key() for _ in range(OPENED_MAX + 10)]
    for key in keys:
        vault.seal(key, b"", context="a")
    assert len(vault._opened) == OPENED_MAX

    now[0] += OPENED_SECONDS
    vault.seal(keys[-1], b"", context="a")
    assert len(vault._opened) == 1


def test_lookup_depends_on_purpose_and_master_key_and_nothing_else() -> None:
    found = VAULT.lookup("name", "camille exemple")

    assert found == Vault(b"m" * 32).lookup("name", "camille exemple")
    assert found != VAULT.lookup("phone", "camille exemple")
    assert found != Vault(b"n" * 32).lookup("name", "camille exemple")
    assert len(found) == 32


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Éloïse-Anne", "eloise anne"),
        ("  ELOISE   ANNE ", "eloise anne"),
        ("d’Œuvre", "d oeuvre"),
        ("D'OEUVRE", "d oeuvre"),
        ("Strauß", "strauss"),
        ("Nguyễn", "nguyen"),
        ("Jean‑Marie", "jean marie"),
        ("Łukasz Sørensen", "lukasz sorensen"),
        ("İpek", "ipek"),
        ("", ""),
    ],
)
def test_names_fold_alike_however_they_are_typed(typed: str, folded: str) -> None:
    assert fold(typed) == folded


@given(st.text(max_size=40))
def test_folding_is_stable_over_case_form_and_itself(text: str) -> None:
    folded = fold(text)

    assert fold(folded) == folded
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))
    assert "  " not in folded


def test_master_key_comes_from_a_file_of_32_bytes(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(base64.b64encode(b"m" * 32) + b"\n")
    assert Vault.from_file(path).lookup("a", "b") == VAULT.lookup("a", "b")

    for wrong in (b"short", base64.b64encode(b"m" * 16), "é".encode()):
        path.write_bytes(wrong)
        with pytest.raises(SettingsRefused, match="32 bytes in base64"):
            Vault.from_file(path)
    with pytest.raises(SettingsRefused, match="cannot read"):
        Vault.from_file(tmp_path / "absent")
