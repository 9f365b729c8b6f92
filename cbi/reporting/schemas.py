"""How an office stands, over the API: amounts as text with all decimals, instants in UTC."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.access.holders import Colleague
from cbi.ledger.queries import together
from cbi.ledger.schemas import Amount, FundPositionOut
from cbi.payments.runs.progress import Tally
from cbi.reconciliation.queries import AGES
from cbi.registry.standing import Standing
from cbi.reporting.overview import CycleLine, Lately, Overview
from cbi.reporting.stuck import Reason, Stuck


class TallyOut(BaseModel):
    """So many payments, and what they add up to."""

    payments: int
    total: Amount

    @classmethod
    def of(cls, tally: Tally) -> "TallyOut":
        return cls(payments=tally.payments, total=Amount.of(tally.total))


class CycleLineOut(BaseModel):
    """One cycle, step by step. `undecided` failed, came back or expired; `unknown` may have been paid."""

    programme: str
    period: str
    decided: TallyOut
    in_a_run: TallyOut
    approved: TallyOut
    handed_over: TallyOut
    paid: TallyOut
    settled: TallyOut
    undecided: TallyOut
    unknown: TallyOut

    @classmethod
    def of(cls, line: CycleLine) -> "CycleLineOut":
        steps = ("in_a_run", "approved", "handed_over", "paid", "undecided", "unknown")
        return cls(
            programme=line.progress.cycle.programme, period=line.progress.cycle.period,
            decided=TallyOut.of(line.progress.cycle.decided), settled=TallyOut.of(line.settled),
            **{name: TallyOut.of(getattr(line.progress, name)) for name in steps},
        )  # fmt: skip


class PaidOnDayOut(BaseModel):
    """What one provider paid out on one day of the office's calendar, as the books have it."""

    day: date
    provider: str
    paid: TallyOut


class AgeOut(BaseModel):
    """Days since it was handed over, from and to, both included; the last has no end."""

    from_days: int
    to_days: int | None
    uncollected: TallyOut


class UncollectedOut(BaseModel):
    """What a provider was given and has not paid yet, by age."""

    provider: str
    ages: list[AgeOut]


class LatelyOut(BaseModel):
    """The last days of payments, and what is still uncollected."""

    first: date
    last: date
    paid: list[PaidOnDayOut]
    uncollected: list[UncollectedOut]

    @classmethod
    def of(cls, lately: Lately) -> "LatelyOut":
        return cls(
            first=lately.first, last=lately.last,
            paid=[
                PaidOnDayOut(
                    day=line.day, provider=line.provider, paid=TallyOut.of(Tally(line.payments, line.total))
                )
                for line in lately.paid
            ],
            uncollected=[
                UncollectedOut(
                    provider=line.provider,
                    ages=[
                        AgeOut(from_days=start, to_days=end, uncollected=TallyOut.of(tally))
                        for (start, end), tally in zip(AGES, line.ages, strict=True)
                    ],
                )
                for line in lately.uncollected
            ],
        )  # fmt: skip


class StuckOut(BaseModel):
    """One thing that does not go on by itself. `link` is a page of this site, `command` what to type instead."""

    reason: Reason
    count: int
    total: Amount | None
    since: datetime | None
    until: datetime | None
    run: int | None
    run_id: UUID | None
    programme: str | None
    period: str | None
    provider: str | None
    office: str | None
    who: list[str]
    link: str | None
    command: str | None

    @classmethod
    def of(cls, stuck: Stuck) -> "StuckOut":
        return cls(
            reason=stuck.reason, count=stuck.count, total=Amount.of(stuck.total) if stuck.total else None,
            since=stuck.since, until=stuck.until, run=stuck.run, run_id=stuck.run_id, programme=stuck.programme,
            period=stuck.period, provider=stuck.provider, office=stuck.office, who=list(stuck.who), link=stuck.link,
            command=stuck.command,
        )  # fmt: skip


class ListOut(BaseModel):
    """A list that was taken in, and what came of its rows."""

    filename: str
    imported_at: datetime
    rows: int
    landed: int
    unchanged: int
    rejected: int


class RegistryOut(BaseModel):
    """How many households there are, and the latest lists, the newest first."""

    households: int
    active: int
    lists: list[ListOut]

    @classmethod
    def of(cls, found: Standing) -> "RegistryOut":
        return cls(
            households=found.households, active=found.active,
            lists=[
                ListOut(
                    filename=each.filename, imported_at=each.imported_at, rows=each.rows_total,
                    landed=each.rows_landed, unchanged=each.rows_unchanged, rejected=each.rows_rejected,
                )
                for each in found.lists
            ],
        )  # fmt: skip


class ColleagueOut(BaseModel):
    """Somebody with an account here."""

    username: str
    full_name: str
    roles: list[str]
    has_authenticator: bool
    may_sign_in: bool

    @classmethod
    def of(cls, found: Colleague) -> "ColleagueOut":
        return cls(
            username=found.username, full_name=found.full_name, roles=[str(held) for held in found.roles],
            has_authenticator=found.has_authenticator, may_sign_in=found.may_sign_in,
        )  # fmt: skip


class ProvedOut(BaseModel):
    """The last night's proof: when it was made, and the numbers of the promises that were broken."""

    at: datetime
    broken: list[int]


class OverviewOut(BaseModel):
    """How the office stands. A part that the asker may not see is null. `funds_total` has one line for each currency."""

    at: datetime
    cycles: list[CycleLineOut] | None
    lately: LatelyOut | None
    funds: list[FundPositionOut] | None
    funds_total: list[FundPositionOut] | None
    registry: RegistryOut | None
    staff: list[ColleagueOut] | None
    stuck: list[StuckOut]
    waivers: list[str] | None
    without_policy: list[str] = Field(
        description="Programmes that pay while no approval policy holds: two signatures release any amount."
    )
    proved: ProvedOut | None

    @classmethod
    def of(cls, found: Overview) -> "OverviewOut":
        funds = found.funds
        return cls(
            at=found.at,
            cycles=None if found.cycles is None else [CycleLineOut.of(line) for line in found.cycles],
            lately=None if found.lately is None else LatelyOut.of(found.lately),
            funds=None if funds is None else [FundPositionOut.of(fund) for fund in funds],
            funds_total=None if funds is None else [FundPositionOut.of(fund) for fund in together(funds)],
            registry=None if found.registry is None else RegistryOut.of(found.registry),
            staff=None if found.staff is None else [ColleagueOut.of(each) for each in found.staff],
            stuck=[StuckOut.of(each) for each in found.stuck],
            waivers=None if found.waivers is None else [each.sentence for each in found.waivers],
            without_policy=list(found.without_policy),
            proved=found.proved and ProvedOut(at=found.proved.at, broken=list(found.proved.broken)),
        )  # fmt: skip
