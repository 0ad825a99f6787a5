"""Every event has a model, a topic, an owner, a key, a schema, an example and words for partners."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest
from pydantic import BaseModel

import maillage_contracts
from maillage_contracts import (
    MODELS,
    PARTNER_TOPIC,
    TOPICS,
    AccompanimentPlanChanged,
    Event,
    PersonErased,
    ReferralAccepted,
    ReferralLeftScope,
    ReferralSubmitted,
    UnknownType,
    UnsupportedMajor,
    model_for,
    partner_topic_name,
    registry,
    topic_for,
)
from maillage_contracts.topics import (
    ACCOMPANIMENTS,
    APPOINTMENTS,
    ENROLMENTS,
    NOTICES,
    ORGANISATIONS,
    PERSONS,
    REFERRALS,
    SESSIONS,
)

EVERY_TOPIC = (*TOPICS, PARTNER_TOPIC)
EVERY_MODEL = pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.__name__)


def blocks(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and the blocks nested in it, in lists and optional fields too."""
    yield model
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from blocks(part)


def parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and everything it is made of."""
    yield annotation
    for argument in get_args(annotation):
        yield from parts(argument)


def test_blocks_are_found_wherever_they_are_nested() -> None:
    assert {block.__name__ for block in blocks(AccompanimentPlanChanged)} == {
        "AccompanimentPlanChanged",
        "PlannedAction",
        "Routing",
    }


@EVERY_MODEL
def test_model_has_topic_owner_and_key(model: type[Event]) -> None:
    topic = topic_for(model)

    assert model.event_type in topic.types
    assert topic.owner in {"referrals", "registration", "training", "notifications", "partners"}
    assert model.aggregate_field in (topic.key, *topic.other_keys)
    assert model.model_fields[model.aggregate_field].is_required()


@EVERY_MODEL
def test_model_tells_partners_what_it_means(model: type[Event]) -> None:
    for block in blocks(model):
        own_docstring = vars(block).get("__doc__")
        assert own_docstring, f"{block.__name__} has no docstring"
        for name, field in block.model_fields.items():
            assert field.description, f"{block.__name__}.{name} has no description"
            assert field.description.endswith("."), f"{block.__name__}.{name} is not a sentence"
    assert "Emitted by" in (model.__doc__ or ""), f"{model.__name__} does not say who emits it"


@EVERY_MODEL
def test_model_has_a_bare_example(model: type[Event], root: Path) -> None:
    folder = root / "examples" / registry.stem_of(model.event_type)

    assert [path for path in folder.glob("*.json") if not path.name.endswith(".cloudevent.json")]


@EVERY_MODEL
def test_model_is_immutable_open_and_silent_about_its_input(model: type[Event]) -> None:
    for block in blocks(model):
        assert block.model_config.get("frozen") is True
        assert block.model_config.get("extra") == "ignore"
        assert block.model_config.get("hide_input_in_errors") is True


def test_every_model_of_the_package_is_registered() -> None:
    for module in pkgutil.iter_modules(maillage_contracts.__path__):
        if module.name != "__main__":
            __import__(f"maillage_contracts.{module.name}")

    ours = [model for model in registry.declared() if model.__module__.startswith("maillage_contracts.")]

    assert set(ours) == set(MODELS.values())
    assert all(model.__name__ in maillage_contracts.__all__ for model in ours)


def test_public_names_exist_and_are_sorted_once() -> None:
    names = maillage_contracts.__all__

    assert len(names) == len(set(names))
    assert all(hasattr(maillage_contracts, name) for name in names)


def test_topics_follow_the_naming_and_the_limits() -> None:
    names = [topic.name for topic in EVERY_TOPIC]

    assert len(set(names)) == len(names)
    for topic in TOPICS:
        assert topic.name.replace("-", "").isalnum()
        assert topic.name.startswith(f"{topic.owner}-")
        for_ever = topic.name == "partners-organisation-v1"
        assert (topic.partitions, topic.retention_days) == (12, None if for_ever else 30)
        assert topic.config == {
            "cleanup.policy": "delete",
            "retention.ms": "-1" if for_ever else "2592000000",
            "max.message.bytes": "1048576",
            "message.timestamp.type": "LogAppendTime",
        }
    assert (PARTNER_TOPIC.partitions, PARTNER_TOPIC.retention_days) == (1, 35)


def test_partner_topic_carries_what_a_party_may_follow_and_nothing_about_organisations() -> None:
    relayed = {*REFERRALS.types, *PERSONS.types, *ACCOMPANIMENTS.types, *APPOINTMENTS.types, *ENROLMENTS.types}

    assert set(PARTNER_TOPIC.relayed_types) == relayed
    # Sessions are offers, asked for at `training`; notices are between us and whoever reads them.
    for others in (ORGANISATIONS, SESSIONS, NOTICES):
        assert not set(others.types) & {*PARTNER_TOPIC.types, *PARTNER_TOPIC.relayed_types}


def test_what_is_relayed_says_where_it_belongs_or_is_an_erasure() -> None:
    without = [name for name in PARTNER_TOPIC.relayed_types if "routing" not in MODELS[name].model_fields]

    assert without == [PersonErased.event_type]


@pytest.mark.parametrize("code", ["", "CD93", "cd-93", "cd93\n", "é", "a" * 33, "cd93.x", "²"])
def test_partner_topic_name_is_refused_when_the_code_is_not_one(code: str) -> None:
    with pytest.raises(ValueError, match="not an organisation code") as caught:
        partner_topic_name(code)

    assert not code or code not in str(caught.value)


def test_partner_topic_name_holds_the_code() -> None:
    assert partner_topic_name("cd93") == "partner-cd93-v1"


def test_registry_refuses_two_models_of_one_type() -> None:
    with pytest.raises(registry.RegistryError, match="declared by two models"):
        registry.models_by_type([ReferralAccepted, ReferralAccepted])


def test_registry_refuses_a_malformed_type() -> None:
    class Odd(ReferralAccepted):
        event_type: ClassVar[str] = "fr.maillage.referrals.Accepted"

    with pytest.raises(registry.RegistryError, match="malformed type"):
        registry.models_by_type([Odd])


def test_registry_refuses_an_aggregate_field_that_does_not_exist() -> None:
    class Astray(ReferralAccepted):
        event_type: ClassVar[str] = "fr.maillage.referrals.referral.astray.v1"
        aggregate_field: ClassVar[str] = "dossier_id"

    with pytest.raises(registry.RegistryError, match="no field dossier_id"):
        registry.models_by_type([Astray])


def test_registry_refuses_a_model_without_topic() -> None:
    with pytest.raises(registry.RegistryError, match=r"without a topic: .*left_scope"):
        registry.topics_by_type(MODELS, TOPICS)


def test_registry_refuses_a_topic_entry_without_model() -> None:
    for orphan in (
        replace(REFERRALS, types=(*REFERRALS.types, "fr.maillage.referrals.referral.lost.v1")),
        replace(REFERRALS, relayed_types=("fr.maillage.referrals.referral.lost.v1",)),
    ):
        with pytest.raises(registry.RegistryError, match="has no model"):
            registry.topics_by_type(MODELS, (orphan,))


def test_registry_refuses_a_type_on_two_topics() -> None:
    with pytest.raises(registry.RegistryError, match="on two topics"):
        registry.topics_by_type(MODELS, (*EVERY_TOPIC, replace(REFERRALS, name="referrals-again-v1")))


def test_registry_refuses_a_key_that_differs_from_the_topics() -> None:
    with pytest.raises(registry.RegistryError, match="not keyed by subject_ref"):
        registry.topics_by_type(MODELS, (replace(REFERRALS, key="subject_ref"),))


def test_model_for_tells_another_major_from_an_unknown_type() -> None:
    assert model_for("fr.maillage.referrals.referral.submitted.v1") is ReferralSubmitted
    with pytest.raises(UnsupportedMajor) as major:
        model_for("fr.maillage.referrals.referral.submitted.v2")
    assert (major.value.stem, major.value.major) == ("fr.maillage.referrals.referral.submitted", 2)
    with pytest.raises(UnknownType) as unknown:
        model_for("fr.maillage.training.session.of_a_later_version.v1")
    assert unknown.value.ce_type == "fr.maillage.training.session.of_a_later_version.v1"


@pytest.mark.parametrize(
    "ce_type", ["", "com.example.thing", "fr.maillage.referrals.referral.submitted", "Camille Exemple"]
)
def test_model_for_keeps_a_malformed_type_to_itself(ce_type: str) -> None:
    with pytest.raises(UnknownType) as unknown:
        model_for(ce_type)

    assert unknown.value.ce_type == "other"
    assert str(unknown.value) == "unknown event type: other"


def test_topic_for_accepts_event_class_and_type() -> None:
    assert topic_for(ReferralLeftScope) is PARTNER_TOPIC
    assert topic_for("fr.maillage.registration.person.erased.v1") is PERSONS
    with pytest.raises(UnknownType):
        topic_for("fr.maillage.training.session.of_a_later_version.v1")
