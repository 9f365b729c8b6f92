"""Proposals about what people are told, and on which legal basis their data is used, that wait for a second person."""

from datetime import date
from typing import Any

from sqlalchemy import Select, func, select

from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.registry_consent_words import GROUNDS, SCOPES
from cbi.console.waiting_proposals import Kind, Listing, Looking, Sheet, of_day, row
from cbi.console.waiting_words import NONE
from cbi.programmes import legal_basis
from cbi.programmes.legal_models import Ground, LegalBasis
from cbi.programmes.models import Programme
from cbi.registry.consent import notices
from cbi.registry.consent.models import Notice, Scope


def _notice(looking: Looking) -> Sheet:
    gettext, session = looking.visit.gettext, looking.session
    code, _, version = looking.proposal.key.rpartition(".")
    proposed = session.get_one(Notice, (code, int(version)))
    now = notices.in_force(session, code)

    def asked(notice: Notice | None) -> str:
        names = [gettext(SCOPES[Scope(each)]) for each in notice.scopes] if notice else []
        return ", ".join(names) or NONE

    columns = [
        (gettext("Purpose"), "text"),
        (gettext("Now"), "text"),
        (gettext("As proposed"), "text"),
    ]
    listings = [
        Listing(
            gettext("What people are told, in the language %(language)s", language=language),
            columns,
            [
                [
                    gettext(SCOPES[Scope(scope)]),
                    (now.texts.get(language, {}).get(scope) if now else None) or NONE,
                    words,
                ]
                for scope, words in said.items()
            ],
        )
        for language, said in proposed.texts.items()
    ]
    return Sheet(
        [
            (gettext("What it asks for"), asked(now), asked(proposed)),
            (gettext("Until when people are asked with it"), now.valid_until if now else NONE, proposed.valid_until),
        ],
        listings=listings,
        link=("/registry/notices", N_("What people are told")),
    )  # fmt: skip


def _basis(looking: Looking) -> Sheet:
    gettext, session = looking.visit.gettext, looking.session
    code, _, version = looking.proposal.key.rpartition(".")
    programme = session.scalars(select(Programme).where(Programme.code == code)).one()
    proposed = session.get_one(LegalBasis, (programme.id, int(version)))
    now = session.scalar(
        select(LegalBasis)
        .where(LegalBasis.programme_id == programme.id, LegalBasis.decision == legal_basis.ACCEPTED)
        .order_by(LegalBasis.version.desc())
        .limit(1)
    )
    asks = proposed.ground is Ground.CONSENT
    return Sheet(
        [
            (gettext("Legal basis"), gettext(GROUNDS[now.ground]) if now else NONE, gettext(GROUNDS[proposed.ground])),
            (gettext("Because"), now.because if now else NONE, proposed.because),
        ],
        notes=[
            gettext("Who has not agreed is not in from the next cycle on.") if asks
            else gettext("Nobody's consent is asked for to be paid.")
        ],
    )  # fmt: skip


def _notices(_: date) -> Select[Any]:
    return select(
        *row(
            func.concat_ws(".", Notice.code, Notice.version), Notice.proposed_at, Notice.proposed_by,
            code=Notice.code, version=Notice.version, until=of_day(Notice.valid_until),
        )
    ).where(Notice.decision.is_(None))  # fmt: skip


def _bases(_: date) -> Select[Any]:
    return (
        select(
            *row(
                func.concat_ws(".", Programme.code, LegalBasis.version), LegalBasis.proposed_at,
                LegalBasis.proposed_by, programmes=(Programme.code,), programme=Programme.code,
                ground=LegalBasis.ground, version=LegalBasis.version,
            )
        )
        .join(Programme, Programme.id == LegalBasis.programme_id)
        .where(LegalBasis.decision.is_(None))
    )  # fmt: skip


NOTICE = Kind(
    "notice", N_("What people are told"), N_("Version %(version)s of the notice %(code)s, until %(until)s"),
    N_("From then on people are asked with it. What was said to earlier versions stays as it is."),
    Permission.PROGRAMME_READ, Permission.NOTICE_ACCEPT, _notices, _notice,
    lambda session, actor, it, _: notices.accept(session, actor, it.facts["code"], it.facts["version"]),
    lambda session, actor, it, typed: notices.refuse(
        session, actor, it.facts["code"], it.facts["version"], typed.reason
    ),
    lambda session, actor, it, typed: notices.refuse(
        session, actor, it.facts["code"], it.facts["version"], typed.reason
    ),
    takes_code=False,
)  # fmt: skip

BASIS = Kind(
    "legal-basis", N_("A legal basis"), N_("%(programme)s uses people's data because of: %(ground)s"),
    N_("Cycles of the programme can be opened under it."),
    Permission.PROGRAMME_READ, Permission.LEGAL_BASIS_ACCEPT, _bases, _basis,
    lambda session, actor, it, _: legal_basis.accept(session, actor, it.facts["programme"], it.facts["version"]),
    lambda session, actor, it, typed: legal_basis.refuse(
        session, actor, it.facts["programme"], it.facts["version"], typed.reason
    ),
    lambda session, actor, it, typed: legal_basis.refuse(
        session, actor, it.facts["programme"], it.facts["version"], typed.reason
    ),
    takes_code=False,
    words={"ground": {ground.value: name for ground, name in GROUNDS.items()}},
)  # fmt: skip
