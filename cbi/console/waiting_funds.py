"""Proposals about funds that wait for a second person: requests, deals at the bank, exchange rates, tariffs."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.waiting_proposals import (
    Kind,
    Looking,
    Proposal,
    Sheet,
    Typed,
    of_day,
    of_money,
    refused,
    row,
)
from cbi.console.waiting_words import NONE, differences
from cbi.ledger import deals, floats, reference_rates
from cbi.ledger.fx_models import Deal, ReferenceRate
from cbi.ledger.models import Fund
from cbi.ledger.queries import available, fund_positions
from cbi.ledger.request_models import FundRequest, RequestKind
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.fees import tariffs
from cbi.payments.fees.fee_models import TariffVersion
from cbi.payments.signing import rate_limits
from cbi.programmes import fund_requests
from cbi.programmes.models import Programme

IN_BUDGET = N_("In the budget of %(programme)s")
PLACED = N_("On our account with %(provider)s")
TAKES_EFFECT = N_("It takes effect on")
UNGIVEN = N_("In the fund %(fund)s, not given to a programme")

_giver, _taker, _later = aliased(Programme), aliased(Programme), aliased(TariffVersion)


def _request(looking: Looking) -> Sheet:
    session, gettext = looking.session, looking.visit.gettext
    found = session.scalars(
        select(FundRequest).where(FundRequest.number == int(looking.proposal.key))
    ).one()
    fund = session.get_one(Fund, found.fund_id)
    amount = Money(found.amount_minor, found.currency)
    changes: list[tuple[str, object, object]] = []
    for programme_id, change in ((found.from_programme_id, -amount), (found.to_programme_id, amount)):  # fmt: skip
        if programme_id is not None:
            held = available(session, programme_id, fund.id, found.currency)
            code = session.get_one(Programme, programme_id).code
            changes.append((gettext(IN_BUDGET, programme=code), held, held + change))
    if found.kind in (RequestKind.RETURN, RequestKind.REFUND):
        left = _ungiven(looking, fund.code, found.currency)
        then = left - amount if found.kind is RequestKind.REFUND else left + amount
        changes.append((gettext(UNGIVEN, fund=fund.code), left, then))
    link = ("/finance", N_("Funds and requests"))
    facts: list[tuple[str, object]] = []
    if found.provider is not None:
        provider = found.provider.replace("_", " ")
        held = floats.held(session, found.provider, found.currency)
        moved = {RequestKind.WRITE_OFF: -amount, RequestKind.RECOVERY: amount}.get(found.kind)
        if moved is not None:
            changes.append((gettext(PLACED, provider=provider), held, held + moved))
        free = floats.free(session, found.provider, found.currency)
        facts.append((gettext("What of it no payment on its way needs"), free))
    if found.value_date is not None:
        facts.append((gettext(TAKES_EFFECT), found.value_date))
    return Sheet(changes, facts=facts, link=link)


def _deal(looking: Looking) -> Sheet:
    session, gettext = looking.session, looking.visit.gettext
    deal = session.get_one(Deal, UUID(looking.proposal.key))
    exchange = deals.exchange_of(session, deal)
    fund = session.get_one(Fund, deal.fund_id).code
    changes = [
        (gettext(UNGIVEN, fund=fund), held, held + change)
        for change in (-exchange.sold, exchange.bought)
        for held in [_ungiven(looking, fund, change.currency)]
    ]
    facts: list[tuple[str, object]] = [
        (gettext("The ticket's rate"), exchange.rate),
        (gettext("The reference rate"), exchange.reference),
        (gettext("Loss against it (below zero: a gain)"), exchange.spread),
        (gettext("Rounded by the bank"), exchange.residual),
    ]
    if deal.value_date is not None:
        facts.append((gettext(TAKES_EFFECT), deal.value_date))
    return Sheet(changes, facts=facts, link=("/finance/exchange", N_("Deals and rates")))


def _ungiven(looking: Looking, fund: str, currency: str) -> Money:
    """What the fund has in this currency that no programme was given."""
    for each in fund_positions(looking.session):
        if (each.code, each.received.currency) == (fund, currency):
            return each.unallocated
    return Money.zero(currency)


def _rate(looking: Looking) -> Sheet:
    session, gettext = looking.session, looking.visit.gettext
    row_ = session.get_one(ReferenceRate, UUID(looking.proposal.key))
    new, found = reference_rates.rate_of(row_), reference_rates.change(session, row_)
    words = gettext("What counts between %(base)s and %(quote)s", base=new.base, quote=new.quote)
    link = ("/finance/exchange", N_("Deals and rates"))
    if found is None:
        return Sheet([(words, NONE, new)], link=link)
    facts: list[tuple[str, object]] = [
        (gettext("Against the last rate"), found.percent),
        (gettext("The last rate"), [found.last.rate, found.last.day, found.last.source]),
    ]
    far = found.jumps(rate_limits.at_most(session, new.base, new.quote))
    again = (
        gettext("It is far from the last one. Type the rate yourself, from the paper")
        if far
        else ""
    )
    return Sheet([(words, found.last.rate, new)], facts=facts, again=again, link=link)


def _tariff(looking: Looking) -> Sheet:
    provider, currency, version = looking.proposal.key.split(".")
    session = looking.session
    row_ = session.get_one(TariffVersion, (provider, currency, int(version)))
    today = clock.today(office_of(session).timezone)
    now = tariffs.in_force(session, [provider], currency, today).get(provider)
    return Sheet(
        differences(now.tariff.canonical() if now else {}, row_.rules),
        link=("/finance/tariffs", N_("Tariffs")),
    )


def _drop_request(session: Session, actor: Actor, it: Proposal, typed: Typed) -> object:
    return fund_requests.refuse(session, actor, int(it.key), typed.reason)


REQUEST = Kind(
    "fund-request", N_("Moving a fund's money"),
    {
        RequestKind.RETURN: N_("Give back from the budget of %(giver)s to the fund %(fund)s. Paper: %(reference)s"),
        RequestKind.REALLOCATION: N_(
            "Move from the budget of %(giver)s to that of %(taker)s (fund %(fund)s). Paper: %(reference)s"
        ),
        RequestKind.REFUND: N_("Send money of the fund %(fund)s back to its donor. Paper: %(reference)s"),
        RequestKind.WRITE_OFF: N_(
            "Give up what is lost with %(provider)s; the budget of %(giver)s bears it (fund %(fund)s). Paper: %(reference)s"
        ),
        RequestKind.RECOVERY: N_(
            "What was lost with %(provider)s is back on our account with it, for the budget of %(taker)s (fund %(fund)s)."
            " Paper: %(reference)s"
        ),
        RequestKind.BANK_RECOVERY: N_(
            "What was lost with %(provider)s is back in our bank, for the budget of %(taker)s (fund %(fund)s). Paper:"
            " %(reference)s"
        ),
    },
    N_("The money is moved in the books at once."),
    Permission.FUND_READ, Permission.FUND_CONFIRM,
    lambda _: select(
        *row(
            FundRequest.number, FundRequest.asked_at, FundRequest.asked_by, programmes=(_giver.code, _taker.code),
            amount=(FundRequest.amount_minor, FundRequest.currency), why=FundRequest.reason, which=FundRequest.kind,
            fund=Fund.code, giver=_giver.code, taker=_taker.code, reference=FundRequest.reference,
            provider=FundRequest.provider,
        )
    )
    .join(Fund, Fund.id == FundRequest.fund_id)
    .outerjoin(_giver, _giver.id == FundRequest.from_programme_id)
    .outerjoin(_taker, _taker.id == FundRequest.to_programme_id)
    .where(FundRequest.decision.is_(None)),
    _request,
    lambda session, actor, it, typed: fund_requests.confirm(session, actor, int(it.key), typed.code),
    _drop_request,
    _drop_request,
)  # fmt: skip

DEAL = Kind(
    "deal", N_("Changing money at the bank"),
    N_("%(sold)s of the fund %(fund)s were changed into %(bought)s on %(on)s. Ticket: %(reference)s"),
    N_("The deal is booked in both currencies, with what it cost against the reference rate."),
    Permission.FUND_READ, Permission.FX_CONFIRM,
    lambda _: select(
        *row(
            Deal.id, Deal.proposed_at, Deal.proposed_by, amount=(Deal.sold_minor, Deal.sold_currency),
            fund=Fund.code, sold=of_money(Deal.sold_minor, Deal.sold_currency),
            bought=of_money(Deal.bought_minor, Deal.bought_currency), on=of_day(Deal.dealt_on),
            reference=Deal.reference,
        )
    )
    .join(Fund, Fund.id == Deal.fund_id)
    .where(Deal.confirmed_at.is_(None), Deal.withdrawn_at.is_(None)),
    _deal,
    lambda session, actor, it, typed: deals.confirm(session, actor, UUID(it.key), typed.code),
    refused, refused,
)  # fmt: skip

RATE = Kind(
    "exchange-rate", N_("An exchange rate"), N_("%(rate)s on %(on)s, by %(source)s"),
    N_("From then on it counts for that day and until a later one, in place of one of the same day."),
    Permission.FUND_READ, Permission.FX_CONFIRM,
    lambda _: select(
        *row(
            ReferenceRate.id, ReferenceRate.proposed_at, ReferenceRate.proposed_by, on=of_day(ReferenceRate.day),
            source=ReferenceRate.source,
            rate=func.jsonb_build_object(
                "over", ReferenceRate.numerator, "under", ReferenceRate.denominator, "base", ReferenceRate.base,
                "quote", ReferenceRate.quote,
            ),
        )
    ).where(ReferenceRate.confirmed_at.is_(None), ReferenceRate.withdrawn_at.is_(None)),
    _rate,
    lambda session, actor, it, typed: rate_limits.confirm(session, actor, UUID(it.key), typed.code, typed.again),
    refused, refused,
)  # fmt: skip

TARIFF = Kind(
    "tariff", N_("A provider's tariff"),
    N_("What %(provider)s charges in %(currency)s from %(first)s on: version %(version)s"),
    N_("From its first day on fees are worked out by it; what was worked out before stays."),
    Permission.FUND_READ, Permission.TARIFF_CHANGE,
    lambda _: select(
        *row(
            func.concat_ws(".", TariffVersion.provider, TariffVersion.currency, TariffVersion.version),
            TariffVersion.proposed_at, TariffVersion.proposed_by, why=TariffVersion.rules["source"].astext,
            provider=TariffVersion.provider, currency=TariffVersion.currency, version=TariffVersion.version,
            first=of_day(TariffVersion.valid_from),
        )
    ).where(
        TariffVersion.accepted_at.is_(None), TariffVersion.refusal_id.is_(None),
        ~select(_later.version)
        .where(
            _later.provider == TariffVersion.provider, _later.currency == TariffVersion.currency,
            _later.version > TariffVersion.version,
        )
        .exists(),
    ),
    _tariff,
    lambda session, actor, it, typed: tariffs.accept(
        session, actor, it.facts["provider"], it.facts["currency"], it.facts["version"], typed.code
    ),
    refused, refused,
)  # fmt: skip
