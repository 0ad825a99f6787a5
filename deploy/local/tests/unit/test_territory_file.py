"""A territory file: read whole or refused with the line of every error, and what a plan says without asking anybody."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.demo import FILE
from maillage.errors import Refusal
from maillage.territory.applying import body_of
from maillage.territory.found import Found
from maillage.territory.keeping import Folder
from maillage.territory.lines import Place, locate
from maillage.territory.planning import Comparing, Step, territory_of
from maillage.territory.reading import read_file, read_text
from maillage.territory.wanted import Organisation
from maillage.territory_commands import shown_name

GOOD = '''version = 1

# Un département, et son logiciel.
[[organisations]]
code = "cd93"
kind = "council"
name = "Département d'exemple"
phone = "01 99 00 00 93"
postal_address = """
93 avenue de l'Exemple
93000 Bobigny"""
territory = { collectivities = ["93D"] }

[[organisations.clients]]
name = "logiciel"
scopes = [
    "referrals:answer",  # répondre
    "feed:read",
]

[[organisations]]
code = "asso1"
kind = "association"
name = "Association d'exemple"
phone = "01 99 00 00 01"
postal_address = "1 rue de l'Exemple"
'''


def refused(text: str) -> str:
    with pytest.raises(Refusal) as refusal:
        read_text(text, Path("cd93.toml"))
    return refusal.value.sentence


def test_demonstration_is_a_territory_file() -> None:
    read = read_file(FILE)
    assert [one.code for one in read.wanted.organisations] == ["asso1", "cd93", "cd94", "ft93", "of93"]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('kind = "council"', 'kind = "conseil"', 6, "valeurs admises"),
        ('phone = "01 99 00 00 93"', 'fone = "01 99 00 00 93"', 8, "vouliez-vous « phone »"),
        ('phone = "01 99 00 00 93"\n', "", 4, "il manque « phone »"),
        ('"93D"', '"93X"', 12, "« 93X » n'existe pas"),
        ('{ collectivities = ["93D"] }', '{ communes = ["14697"] }', 12, "« 14697 » fait partie de"),
        ('"feed:read",\n', '"feed:write",\n', 18, "« feed:write » n'est pas un droit de council"),
        ('code = "asso1"', 'code = "cd93"', 22, "est déjà plus haut"),
        (
            'code = "asso1"',
            'code = "asso1"\nevent_types = ["*", "fr.maillage.referrals.referral.acepted.v1"]',
            23,
            "vouliez-vous « fr.maillage.referrals.referral.accepted.v1 »",
        ),
        ('code = "asso1"', 'code = "ASSO-1"', 22, "a-z et 0-9"),
        ('name = "logiciel"', "name = 12", 15, "doit être un texte"),
        ("version = 1", "version = 2", 1, "valeurs admises 1"),
        (
            'kind = "association"',
            'kind = "council"\nterritory = { departements = ["93"] }',
            24,
            "« cd93 » répond déjà pour 93D",
        ),
        (
            'postal_address = "1 rue de l\'Exemple"',
            'postal_address = "1 rue"\nmembers = [{ role = "chef", label = "Chef" }]',
            27,
            "rôle inconnu",
        ),
    ],
)
def test_error_names_its_line_when_something_is_wrong(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    sentence = refused(GOOD.replace(old, new, 1))

    assert f"ligne {line} : " in sentence
    assert f"line {line}: " in sentence
    assert says in sentence


def test_every_error_is_named_at_once_in_the_order_of_lines() -> None:
    sentence = refused(GOOD.replace('"council"', '"x"').replace('"association"', '"y"'))

    assert "2 erreurs" in sentence
    assert sentence.index("ligne 6 ") < sentence.index("ligne 23 ")


@pytest.mark.parametrize(("broken", "line"), [('version = 1\ncode = "a\n', 2), ("version = 1\n[[organisations", 2)])
def test_what_is_no_toml_names_the_line_where_it_stops(broken: str, line: int) -> None:
    assert f"ligne {line} : " in refused(broken)


def test_programme_is_refused_when_its_provider_or_client_is_not_in_the_file() -> None:
    programme = """
[[programmes]]
provider = "asso1"
client = "logiciel"
title = "T"
theme = "numerique"
commune = "00000"
seats = 1
hours = 1
starts_at = 2028-03-02T09:30:00+01:00
place = "P"
"""
    assert "n'est pas un organisme de formation" in refused(GOOD + programme)
    assert "lacks its UTC offset" in refused(GOOD + programme.replace("+01:00", ""))


keys = st.text("abcxyz_-09", min_size=1, max_size=5)
texts = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=("Cc", "Cs")), max_size=8)
scalars = st.one_of(st.booleans(), st.integers(-9, 99), texts)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
tables = st.dictionaries(keys, values, max_size=4)


def written(value: Any) -> str:
    """Write a value as TOML on as many lines as TOML allows."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"' if len(value) % 2 else f'"""\n{value}"""'
        case list():
            return "[ # une liste\n" + ",\n".join(written(one) for one in value) + "\n]"
        case dict():
            return "{ " + ", ".join(f'"{key}" = {written(one)}' for key, one in value.items()) + " }"
        case _:
            return str(value)


@given(tables, st.lists(tables, max_size=3))
def test_every_key_is_found_on_the_line_where_it_is_written(top: dict[str, Any], many: list[dict[str, Any]]) -> None:
    lines: list[str] = []
    expected: dict[Place, int] = {}

    def write(place: Place, table: dict[str, Any]) -> None:
        for key, value in table.items():
            expected[(*place, key)] = len(lines) + 1
            lines.extend(f"'{key}' = {written(value)}  # [x]".split("\n"))

    write((), {key: value for key, value in top.items() if key != "many"})
    for number, table in enumerate(many):
        lines.extend(["", "[[ many ]] # =", "# a = 1"])
        expected["many", number] = len(lines) - 1
        write(("many", number), table)
        lines.append("[many . 'inner']" if "inner" not in table else "")
    text = "\n".join(lines)
    document = tomllib.loads(text)

    found = locate(text)

    assert document is not None
    for place, line in expected.items():
        assert found.of(place) == line, place


def council(**changes: Any) -> Organisation:
    usual = {
        "code": "cd93", "kind": "council", "name": "D", "phone": "01", "postal_address": "A",
        "territory": {"departements": ["93"]}, "clients": [{"name": "logiciel"}],
    }  # fmt: skip
    return Organisation.model_validate(usual | changes)


def known(**changes: Any) -> dict[str, Any]:
    territory = {"communes": [], "epcis": [], "departements": [], "collectivities": ["93D"]}
    usual = {"kind": "council", "name": "D", "phone": "01", "postal_address": "A", "email": None, "sandbox": False}
    return usual | {"territory": territory} | changes


def steps(found: Found, folder: Path, **changes: Any) -> list[Step]:
    return list(Comparing(council(**changes), found, Folder(folder), ("organisations", 0)).steps())


def test_territory_is_compared_as_partners_spells_it(tmp_path: Path) -> None:
    assert territory_of(council())["collectivities"] == ["93D"]
    [organisation, _] = steps(Found(known()), tmp_path)
    assert organisation.action == "nothing"
    [organisation, _] = steps(Found(known(phone="02")), tmp_path)
    assert (organisation.action, organisation.note) == ("change", "phone")


def test_types_are_what_the_organisation_chose_unless_the_file_says_which(tmp_path: Path) -> None:
    chosen = ["fr.maillage.referrals.referral.accepted.v1", "fr.maillage.referrals.referral.submitted.v1"]
    found = Found(known(event_types=chosen))

    def notes(**changes: Any) -> str:
        return steps(found, tmp_path, **changes)[0].note

    assert notes() == ""
    assert "event_types" not in body_of(council())
    assert notes(event_types=chosen[::-1]) == ""
    assert notes(event_types=["*"]) == notes(event_types=chosen[:1]) == "event_types"
    assert body_of(council(event_types=["*"]))["event_types"] is None


def test_what_the_file_does_not_name_is_extra_and_never_changed(tmp_path: Path) -> None:
    found = Found(
        known(),
        members=[{"member_id": "m", "role": "caseworker", "label": "Autre"}],
        clients=[{"client_id": "cd93-x", "scopes": []}],
        webhooks=[
            {"webhook_id": "w", "url": "https://a.example/?token=s3cret", "event_types": None, "state": "active"}
        ],
        kafka={"state": "granted"},
    )

    extra = [one for one in steps(found, tmp_path) if one.action == "extra"]

    assert {(one.what, one.ref) for one in extra} == {
        ("member", "m"),
        ("client", "cd93-x"),
        ("webhook", "w"),
        ("kafka", ""),
    }
    assert [shown_name(one) for one in extra if one.what == "webhook"] == ["a.example"]


def test_client_whose_secret_was_asked_for_and_never_kept_is_made_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.put("cd93", "client", "logiciel", {"asked": True})
    assert [one.action for one in steps(Found(known()), tmp_path)] == ["nothing", "create"]

    folder.put("cd93", "client", "logiciel", {"client_id": "cd93-a", "client_secret": "s", "scopes": ["feed:read"]})
    wanted = {"clients": [{"name": "logiciel", "scopes": ["feed:read"]}]}
    assert [one.action for one in steps(Found(known()), tmp_path, **wanted)] == ["nothing", "renew"]
    live = Found(known(), live_clients=frozenset({"cd93-a"}))
    assert [one.action for one in steps(live, tmp_path, **wanted)] == ["nothing", "nothing"]
    assert [one.action for one in steps(live, tmp_path)] == ["nothing", "change"]


def test_password_that_somebody_else_keeps_is_left_alone(tmp_path: Path) -> None:
    found = Found(known(), kafka={"state": "granted", "ready": True})
    assert [one.action for one in steps(found, tmp_path, kafka=True, clients=[])] == ["nothing", "nothing"]

    Folder(tmp_path).put("cd93", "kafka", "", {"asked": True})
    assert [one.action for one in steps(found, tmp_path, kafka=True, clients=[])] == ["nothing", "renew"]


def test_other_world_or_kind_is_a_conflict(tmp_path: Path) -> None:
    for found in (known(sandbox=True), known(kind="association")):
        comparing = Comparing(council(), Found(found), Folder(tmp_path), ("organisations", 0))
        assert len(list(comparing.conflicts())) == 1


def test_example_of_the_documentation_is_a_territory_file() -> None:
    page = Path(__file__).resolve().parents[4] / "docs" / "territory-file.md"
    example = page.read_text("utf-8").split("```toml\n")[1].split("```")[0]

    read = read_text(example, page)

    assert len(read.wanted.organisations) == 2
    assert len(read.wanted.programmes) == 1
