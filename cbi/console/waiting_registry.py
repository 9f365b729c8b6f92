"""Proposals about the registry that wait for a second person: changes of households, scorecards, assessments, thresholds."""

from datetime import date
from typing import Any

from ruamel.yaml import YAML
from sqlalchemy import Select, func, select

from cbi import clock
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.waiting_proposals import Kind, Looking, Sheet, of_day, refused, row
from cbi.console.waiting_words import NONE, differences
from cbi.registry.households import requests
from cbi.registry.households.models import ChangeKind, HouseholdRequest
from cbi.registry.linkage import thresholds
from cbi.registry.linkage.models import Thresholds
from cbi.registry.models import Household
from cbi.registry.scorecards import assessing, versions
from cbi.registry.scorecards.landing import waits
from cbi.registry.scorecards.models import Assessment, ScorecardVersion

CHANGES = {
    ChangeKind.BORN: N_("a birth"),
    ChangeKind.JOINED: N_("somebody joined it"),
    ChangeKind.LEFT: N_("somebody left it"),
    ChangeKind.DIED: N_("a death"),
    ChangeKind.DEPARTED: N_("all of it departed"),
    ChangeKind.RETURNED: N_("it came back"),
    ChangeKind.MOVED: N_("it moved"),
    ChangeKind.SPLIT: N_("some of it become a household of their own"),
    ChangeKind.MERGED: N_("it becomes one with another"),
    ChangeKind.UNMERGED: N_("it is two again"),
    ChangeKind.CORRECTED: N_("a fact is corrected"),
    ChangeKind.HEAD: N_("another head"),
    ChangeKind.COLLECTOR: N_("another collector"),
    ChangeKind.ALTERNATE: N_("another alternate collector"),
    ChangeKind.GUARDIAN: N_("a guardian"),
    ChangeKind.PHONE: N_("another telephone"),
}


AGAIN = {
    "phone": N_("Type the new telephone from the paper"),
    "document": N_("Type the new document's number from the paper"),
}
"""What the second person reads with their own eyes."""
FACES = (ChangeKind.PHONE, ChangeKind.COLLECTOR, ChangeKind.ALTERNATE, ChangeKind.GUARDIAN)
"""Where it counts whether the second person saw whom it is about."""


def _household(looking: Looking) -> Sheet:
    session, gettext = looking.session, looking.visit.gettext
    found = session.get_one(HouseholdRequest, int(looking.proposal.key))
    facts: list[tuple[str, object]] = [
        (gettext("Evidence"), found.evidence or NONE),
        (gettext("It counts no more after"), found.lapses_at.date()),
    ]
    facts += [(place, said) for place, _, said in differences({}, found.details)]
    sealed = gettext(
        "What it says of people is sealed until it is done: ask whoever proposed it for the paper."
    )
    again = requests.typed_again(found)
    return Sheet(
        facts=facts, notes=[sealed] if found.sealed else [], again=gettext(AGAIN[again]) if again else "",
        tick=gettext("The person stood before me") if found.kind in FACES else "",
    )  # fmt: skip


def _scorecard(looking: Looking) -> Sheet:
    code, _, version = looking.proposal.key.rpartition(".")
    session = looking.session
    proposed = session.get_one(ScorecardVersion, (code, int(version)))
    now = session.scalar(
        select(ScorecardVersion.text)
        .where(ScorecardVersion.code == code, ScorecardVersion.decision == versions.ACCEPTED)
        .order_by(ScorecardVersion.version.desc())
        .limit(1)
    )
    before, after = (
        YAML(typ="safe", pure=True).load(text or "{}") for text in (now, proposed.text)
    )
    return Sheet(differences(before, after))


def _assessment(looking: Looking) -> Sheet:
    gettext = looking.visit.gettext
    found = looking.session.get_one(Assessment, int(looking.proposal.key))
    score = f"{found.score_hundredths // 100}.{found.score_hundredths % 100:02}"
    return Sheet(
        [(gettext("What counts of the household"), gettext("what was assessed before"), found.band or NONE)],
        facts=[(gettext("Score"), score), (gettext("Version"), found.version)],
    )  # fmt: skip


def _thresholds(looking: Looking) -> Sheet:
    gettext, now = looking.visit.gettext, thresholds.in_force(looking.session)
    proposed = looking.session.get_one(Thresholds, int(looking.proposal.key))
    return Sheet(
        [
            (gettext("A pair is asked about from, per mille"), now.ask, proposed.ask),
            (gettext("A pair is called certain from, per mille"), now.certain, proposed.certain),
        ]
    )


def _asked(_: date) -> Select[Any]:
    asked = HouseholdRequest
    return (
        select(
            *row(
                asked.id, asked.asked_at, asked.asked_by, why=asked.reason, household=Household.source_id,
                what=asked.kind, on=of_day(asked.happened_on),
            )
        )
        .join(Household, Household.id == asked.household_id)
        .where(asked.decision.is_(None), asked.lapses_at > clock.now())
    )  # fmt: skip


HOUSEHOLD = Kind(
    "household", N_("A change of a household"), N_("Household %(household)s, %(on)s: %(what)s"),
    N_("The household is changed, and what it was before is kept."),
    Permission.REGISTRY_READ, Permission.HOUSEHOLD_CONFIRM, _asked, _household,
    lambda session, actor, it, typed: requests.confirm(
        session, actor, int(it.key), again=typed.again, face_to_face=typed.ticked
    ),
    lambda session, actor, it, typed: requests.refuse(session, actor, int(it.key), typed.reason),
    otherwise=N_("What nobody decides ends by itself after thirty days."),
    takes_code=False,
    words={"what": CHANGES},
)  # fmt: skip

SCORECARD = Kind(
    "scorecard", N_("A scorecard"), N_("Version %(version)s of the scorecard %(code)s"),
    N_("From then on households are assessed with it."),
    Permission.REGISTRY_READ, Permission.SCORECARD_ACCEPT,
    lambda _: select(
        *row(
            func.concat_ws(".", ScorecardVersion.code, ScorecardVersion.version), ScorecardVersion.proposed_at,
            ScorecardVersion.proposed_by, code=ScorecardVersion.code, version=ScorecardVersion.version,
        )
    ).where(ScorecardVersion.decision.is_(None)),
    _scorecard,
    lambda session, actor, it, _: versions.accept(session, actor, it.facts["code"], it.facts["version"]),
    lambda session, actor, it, typed: versions.refuse(
        session, actor, it.facts["code"], it.facts["version"], typed.reason
    ),
    lambda session, actor, it, typed: versions.refuse(
        session, actor, it.facts["code"], it.facts["version"], typed.reason
    ),
    takes_code=False,
)  # fmt: skip

ASSESSMENT = Kind(
    "assessment", N_("An assessment"),
    N_("Household %(household)s was assessed with %(scorecard)s on %(on)s: %(band)s"),
    N_("The assessment counts from then on."),
    Permission.ASSESSMENT_CONFIRM, Permission.ASSESSMENT_CONFIRM,
    lambda _: select(
        *row(
            Assessment.id, Assessment.noted_at, Assessment.noted_by, why=Assessment.reason,
            household=Household.source_id, scorecard=Assessment.scorecard, on=of_day(Assessment.assessed_on),
            band=func.coalesce(Assessment.band, NONE),
        )
    )
    .join(Household, Household.id == Assessment.household_id)
    .where(waits()),
    _assessment,
    lambda session, actor, it, _: assessing.confirm(session, actor, int(it.key)),
    lambda session, actor, it, typed: assessing.refuse(session, actor, int(it.key), typed.reason),
    otherwise=N_("Until somebody confirms it, what was assessed before counts."),
    takes_code=False,
)  # fmt: skip

THRESHOLDS = Kind(
    "link-thresholds", N_("When two people may be the same"),
    N_("Pairs are asked about from %(ask)s per mille, and called certain from %(certain)s"),
    N_("From then on pairs are asked about by these scores."),
    Permission.REGISTRY_READ, Permission.HOUSEHOLD_CONFIRM,
    lambda _: select(
        *row(
            Thresholds.version, Thresholds.proposed_at, Thresholds.proposed_by, why=Thresholds.reason,
            ask=Thresholds.ask, certain=Thresholds.certain,
        )
    ).where(Thresholds.decision.is_(None)),
    _thresholds,
    lambda session, actor, it, _: thresholds.decide(session, actor, int(it.key), accept=True),
    refused, refused,
    takes_code=False,
)  # fmt: skip
