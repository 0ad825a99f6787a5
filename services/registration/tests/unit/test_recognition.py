"""One person's referrals lead to one file, and nobody's to another's: a contact point in common, or none at all."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.crypto import Vault
from registration.adapters.contact_points import contact_hashes
from registration.domain.identity import Contact
from registration.domain.recognition import Namesake, agree, recognise
from registration.domain.registration import Registration, State

VAULT = Vault(bytes(range(32)))
NAMED = b"a name and a birth date"
POINTS = st.frozensets(st.sampled_from([b"phone 1", b"phone 2", b"email 1", b"email 2"]), max_size=3)

PHONE, EMAIL = "06 39 98 00 01", "camille@exemple.test"
OTHER_PHONE, OTHER_EMAIL = "06 39 98 00 02", "autre@exemple.test"


@pytest.mark.parametrize(
    ("first", "later", "same"),
    [
        (Contact(PHONE, EMAIL), Contact(PHONE, EMAIL), True),
        (Contact(PHONE, EMAIL), Contact(PHONE, OTHER_EMAIL), True),
        (Contact(PHONE, EMAIL), Contact(OTHER_PHONE, EMAIL), True),
        (Contact(PHONE, EMAIL), Contact(OTHER_PHONE, OTHER_EMAIL), False),
        (Contact(PHONE, EMAIL), Contact(PHONE), True),
        (Contact(PHONE, EMAIL), Contact(email=EMAIL), True),
        (Contact(PHONE), Contact(email=EMAIL), False),
        (Contact(PHONE, EMAIL), Contact(), False),
        (Contact(), Contact(), True),
        # An address is sent nothing, and two people may live there.
        (Contact(address="1 rue de l’Exemple"), Contact(address="2 rue de l’Exemple"), True),
        (Contact(PHONE, address="1 rue de l’Exemple"), Contact(OTHER_PHONE, address="1 rue de l’Exemple"), False),
        (Contact(PHONE), Contact(" ", ""), False),
        # One way to write each.
        (Contact(PHONE), Contact("+33639980001"), True),
        (Contact(PHONE), Contact("0033 6.39.98.00.01"), True),
        (Contact(PHONE), Contact("+33 (0)6-39-98-00-01"), True),
        (Contact("0690 00 12 34"), Contact("+590 690 00 12 34"), True),
        (Contact("+44 20 7946 0958"), Contact("0044 20 7946 0958"), True),
        (Contact("+44 20 7946 0958"), Contact("+33 20 7946 0958"), False),
        (Contact("au 12 bis"), Contact("AU 12  bis"), True),
        (Contact(email=EMAIL), Contact(email=" Camille@EXEMPLE.test "), True),
        # A number is not an address, even if somebody writes it there.
        (Contact("0639980001"), Contact(email="+33639980001"), False),
    ],
)
def test_two_descriptions_are_of_one_person_where_a_contact_point_is(
    first: Contact, later: Contact, same: bool
) -> None:
    one, other = (contact_hashes(VAULT, NAMED, contact) for contact in (first, later))
    assert agree(one, other) is agree(other, one) is same


def test_hash_of_a_contact_point_tells_nothing_of_who_else_has_it() -> None:
    contact = Contact(PHONE, EMAIL)
    one, other = (contact_hashes(VAULT, name, contact) for name in (NAMED, b"another name"))
    assert len(one) == len(other) == 2
    assert one.isdisjoint(other)
    assert one.isdisjoint(contact_hashes(Vault(bytes(32)), NAMED, contact))


def opened(referred: list[frozenset[bytes]]) -> list[tuple[Namesake, frozenset[bytes]]]:
    """Return the file to which each of these descriptions leads, in their order, and the description."""
    files: list[Namesake] = []
    led = []
    for points in referred:
        found = recognise(files, points)
        if found is None:
            found = Namesake(Registration(UUID(int=len(files)), State.PRE_REGISTERED, 1), points)
            files.append(found)
        led.append((found, points))
    return led


@given(st.lists(POINTS, max_size=8))
def test_nobody_is_led_to_a_file_with_which_nothing_agrees(referred: list[frozenset[bytes]]) -> None:
    led = opened(referred)
    for file, points in led:
        assert file.points & points or not (file.points or points)
    files = {file.registration.subject_ref: file for file, _ in led}
    # Whoever was referred in the very same way is found again: no two files were opened by the same points.
    assert len({file.points for file in files.values()}) == len(files)
    # Nothing that is said later is added to a file.
    for file in files.values():
        first = next(points for found, points in led if found is file)
        assert file.points == first


@given(st.tuples(POINTS, POINTS))
def test_two_referrals_lead_to_one_file_or_to_two_in_either_order(
    pair: tuple[frozenset[bytes], frozenset[bytes]],
) -> None:
    counts = {len({file.registration.subject_ref for file, _ in opened(list(order))}) for order in (pair, pair[::-1])}
    assert len(counts) == 1


def test_of_three_the_order_may_decide_since_what_is_said_later_is_added_to_no_file() -> None:
    first, both, last = frozenset({b"phone"}), frozenset({b"phone", b"email"}), frozenset({b"email"})
    assert [file.registration.subject_ref.int for file, _ in opened([first, both, last])] == [0, 0, 1]
    assert [file.registration.subject_ref.int for file, _ in opened([both, first, last])] == [0, 0, 0]


def test_file_with_the_most_in_common_is_chosen_and_the_first_of_equals() -> None:
    def file(number: int, *points: bytes) -> Namesake:
        return Namesake(Registration(UUID(int=number), State.PRE_REGISTERED, 1), frozenset(points))

    shared, theirs, again = file(1, b"phone", b"email 1"), file(2, b"phone", b"email 2"), file(3, b"phone", b"email 2")
    assert recognise([shared, theirs, again], frozenset({b"phone", b"email 2"})) is theirs
    assert recognise([shared, theirs], frozenset({b"phone"})) is shared
    assert recognise([shared, theirs], frozenset({b"email 3"})) is None
    assert recognise([], frozenset()) is None
