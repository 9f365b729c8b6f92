"""What was said of people who may be on record twice and takes a second person: pairs, merges to be undone, one document."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, func, literal, select
from sqlalchemy.orm import aliased

from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.registry_pairs_words import FINDINGS, because
from cbi.console.waiting_proposals import Kind, Looking, Sheet, row
from cbi.registry import duplicates
from cbi.registry.linkage import deciding, queries
from cbi.registry.linkage.models import Finding, Pair, PairState, Verdict
from cbi.registry.models import DuplicateFlag, Household, Person
from cbi.registry.queries import is_current

_first, _second = aliased(Person, name="one_person"), aliased(Person, name="other_person")
_one, _other = aliased(Household, name="one_household"), aliased(Household, name="other_household")


def _last_said(*findings: Finding) -> Select[Any]:
    """Pairs of which this was said last, by whom and of which households."""
    any_said = aliased(Verdict)
    last = select(func.max(any_said.id)).where(any_said.pair_id == Pair.id).scalar_subquery()
    return (
        select(
            *row(
                Pair.id, Verdict.said_at, Verdict.said_by, why=Verdict.reason, one=_one.source_id,
                other=_other.source_id, what=Verdict.finding, kept=func.coalesce(Verdict.kept_id.cast(Text), literal("")),
            )
        )
        .select_from(Pair)
        .join(Verdict, Verdict.id == last)
        .join(_first, _first.id == Pair.first_id)
        .join(_second, _second.id == Pair.second_id)
        .join(_one, _one.id == _first.household_id)
        .join(_other, _other.id == _second.household_id)
        .where(Verdict.finding.in_(findings), Verdict.said_by.is_not(None))
    )  # fmt: skip


def _said(_: date) -> Select[Any]:
    found = _last_said(Finding.SAME, Finding.DIFFERENT)
    return found.where(Pair.id.in_(queries.asked_about()))


def _asked_back(_: date) -> Select[Any]:
    return _last_said(Finding.UNDO_ASKED).where(Pair.state == PairState.SAME)


def _cleared(_: date) -> Select[Any]:
    flag = DuplicateFlag
    return select(
        *row(flag.id, flag.proposed_at, flag.proposed_by, why=flag.proposed_reason, households=flag.household_count)
    ).where(flag.decision.is_(None), flag.proposed_by.is_not(None), is_current(flag))  # fmt: skip


def _pair(looking: Looking) -> Sheet:
    visit = looking.visit
    pair = looking.session.get_one(Pair, UUID(looking.proposal.key))
    facts: list[tuple[str, object]] = [(visit.gettext("Score, of 1000"), pair.per_mille)]
    sides = queries.sides(looking.session, [pair])
    if (kept := looking.proposal.facts["kept"]) and (stays := sides.get(UUID(kept))):
        facts.append((visit.gettext("The record that stays"), stays.number))
    link = (f"/registry/pairs/{pair.id}", N_("Both records, side by side"))
    return Sheet(facts=facts, notes=because(visit, pair.levels), link=link)


def _flag(looking: Looking) -> Sheet:
    flag = looking.session.get_one(DuplicateFlag, UUID(looking.proposal.key))
    (shown,) = duplicates.with_households(looking.session, [flag])
    word = looking.visit.gettext("Household")
    return Sheet(facts=[(word, each.source_id) for each in shown.households])


PAIR = Kind(
    "pair", N_("Two records that may be one person"),
    N_("Household %(one)s and household %(other)s: %(what)s"),
    N_("The pair is settled so: one record is used from then on, or both are paid again."),
    Permission.REGISTRY_READ, Permission.REGISTRY_DECIDE, _said, _pair,
    lambda session, actor, it, _: deciding.say(session, actor, UUID(it.key), it.facts["what"], it.why or ""),
    lambda session, actor, it, typed: deciding.say(
        session, actor, UUID(it.key), Finding.ASK_AGAIN, typed.reason
    ),
    lambda session, actor, it, typed: deciding.say(
        session, actor, UUID(it.key), Finding.ASK_AGAIN, typed.reason
    ),
    takes_code=False,
    words={"what": FINDINGS},
)  # fmt: skip

PARTING = Kind(
    "pair-undo", N_("Two records that were made one"),
    N_("Somebody wants household %(one)s and household %(other)s parted again"),
    N_("Both records are as they were, and neither household is paid until people have decided."),
    Permission.REGISTRY_READ, Permission.REGISTRY_DECIDE, _asked_back, _pair,
    lambda session, actor, it, _: deciding.take_back(session, actor, UUID(it.key), it.why or ""),
    lambda session, actor, it, typed: deciding.uphold(session, actor, UUID(it.key), typed.reason),
    lambda session, actor, it, typed: deciding.uphold(session, actor, UUID(it.key), typed.reason),
    takes_code=False,
)  # fmt: skip

DOCUMENT = Kind(
    "document-flag", N_("One document in several households"),
    N_("One document in %(households)s households is said to be different people's"),
    N_("What held payment to these households for the document is lifted."),
    Permission.REGISTRY_READ, Permission.REGISTRY_DECIDE, _cleared, _flag,
    lambda session, actor, it, _: duplicates.decide(
        session, actor, UUID(it.key), duplicates.Decision.DIFFERENT, it.why or ""
    ),
    lambda session, actor, it, typed: duplicates.withdraw(session, actor, UUID(it.key), typed.reason),
    lambda session, actor, it, typed: duplicates.withdraw(session, actor, UUID(it.key), typed.reason),
    takes_code=False,
)  # fmt: skip
