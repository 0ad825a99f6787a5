"""The catalogue of events: every event has its page in both languages, made of the contracts alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from html import unescape
from types import MappingProxyType

import pytest

from maillage_contracts import MODELS, schema_for
from maillage_contracts.catalogue import Deprecation, Entry, Text, catalogue
from portal.adapters.http import events
from portal.adapters.http.events import field_lines

from .conftest import CASEWORKER, Portal

DECLINED = "fr.maillage.referrals.referral.declined.v1"


async def test_catalogue_lists_every_event_and_each_has_its_page_in_both_languages(portal: Portal) -> None:
    for language in ("fr", "en"):
        portal.browser.cookies.set("maillage_langue", language)
        listed = (await portal.browser.get("/evenements")).text
        for entry in catalogue().values():
            assert f'href="/evenements/{entry.stem}"' in listed
            page = await portal.browser.get(f"/evenements/{entry.stem}")
            said = unescape(page.text)
            plain = re.sub(r"</?code>", "", said)
            assert page.status_code == 200, entry.stem
            for text in (entry.title, entry.meaning, entry.when):
                assert getattr(text, language).replace("`", "") in plain, entry.stem
            assert "`" not in said
            [shown] = re.findall(r"<code>(\{.*?\})</code>", said, re.DOTALL)
            assert json.loads(shown) == entry.example
            assert entry.ce_type in said
            assert all(f"<code>{name}</code>" in said for name in schema_for(entry.ce_type)["properties"])
    assert portal.services.asked == []


async def test_catalogue_asks_nobody_else_and_is_small(portal: Portal) -> None:
    for path in ("/evenements", "/evenements/referrals.accompaniment.plan_changed.v1"):
        page = await portal.browser.get(path)

        assert not re.search(r"<style|<script(?! src=)|\sstyle=|\son[a-z]+=|https?://", page.text), path
        assets = [await portal.browser.get(url) for url in re.findall(r'"(/static/[^"]+)"', page.text)]
        assert len(page.content) + sum(len(asset.content) for asset in assets) <= 100_000
    await portal.sign_in(CASEWORKER)
    assert CASEWORKER.organisation_name in (await portal.browser.get("/evenements")).text


async def test_end_of_an_event_is_shown_with_its_dates_and_what_to_read_instead(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    successor = "fr.maillage.referrals.referral.withdrawn.v1"
    ending = Deprecation(date(2027, 1, 1), date(2028, 2, 1), successor, Text("Remplacé.", "Replaced."))
    entries: Mapping[str, Entry] = MappingProxyType(
        {**catalogue(), DECLINED: replace(catalogue()[DECLINED], deprecation=ending)}
    )
    monkeypatch.setattr(events, "catalogue", lambda: entries)

    page = unescape((await portal.browser.get("/evenements/referrals.referral.declined.v1")).text)
    listed = unescape((await portal.browser.get("/evenements")).text)

    assert "S’arrête le mardi 1er février 2028." in page
    assert "S’arrête le mardi 1er février 2028." in listed
    assert "Annoncé le vendredi 1er janvier 2027." in page
    assert 'href="/evenements/referrals.referral.withdrawn.v1"' in page
    assert listed.count("S’arrête") == 1


async def test_machines_get_schemas_and_the_whole_document(portal: Portal) -> None:
    schema = await portal.browser.get("/evenements/referrals.referral.declined.v1/schema.json")
    document = await portal.browser.get("/evenements/asyncapi.json")

    assert schema.json() == schema_for(DECLINED)
    assert schema.headers["content-type"] == "application/schema+json"
    assert document.json()["asyncapi"] == "3.0.0"
    assert {message["name"] for message in document.json()["components"]["messages"].values()} == set(MODELS)


@pytest.mark.parametrize("path", ["/evenements/nothing", "/evenements/nothing/schema.json", "/evenements/" + DECLINED])
async def test_event_that_is_none_is_not_found(portal: Portal, path: str) -> None:
    assert (await portal.browser.get(path)).status_code == 404


def test_fields_of_blocks_and_lists_are_lines_of_their_own() -> None:
    lines = {line.name: line for line in field_lines(schema_for("fr.maillage.referrals.accompaniment.plan_changed.v1"))}

    assert lines["routing.employment_organisation_id"].type == "uuid | null"
    assert not lines["routing.employment_organisation_id"].required
    assert lines["routing.commune"].required
    assert "actions[].action_id" in lines
