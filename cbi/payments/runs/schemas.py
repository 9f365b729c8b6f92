"""How runs and payments appear over the API."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.ledger.fx_schemas import ChangedOut
from cbi.ledger.schemas import Amount
from cbi.payments.fees.fees import RouteFees
from cbi.payments.runs.funding_schemas import FundingOut
from cbi.payments.runs.queries import RouteLine, RunLine, RunSheet, SignedStep
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.runs.summaries import Change
from cbi.payments.runs.top_up_schemas import OnTopOut
from cbi.payments.signing.required import Required


class BuildRun(BaseModel):
    """Which cycle to build a run for."""

    cycle_id: UUID
    top_up_id: UUID | None = Field(
        None,
        description="Pay this accepted top-up of the cycle, instead of what the cycle decided.",
    )


class Reason(BaseModel):
    """Why, in words that the others will read."""

    reason: str = Field(min_length=3, max_length=500)


class Signature(BaseModel):
    """The signer's fresh one-time code; for a run also the digest on the sheet that they read."""

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")
    digest_seen: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="The `digest` of the run sheet. When the run has changed since, nothing is signed.",
    )

    @property
    def seen(self) -> bytes | None:
        """The digest as bytes."""
        return bytes.fromhex(self.digest_seen) if self.digest_seen else None


class StepSignature(Signature):
    """Which step is taken, by its name on the run sheet; another one than is next is refused."""

    step: str = Field(min_length=2, max_length=40)


class UnpaidReport(BaseModel):
    """Where the provider's written word can be found: a letter, a message, a ticket."""

    proof: str = Field(min_length=3, max_length=500)


class RunOut(BaseModel):
    """A payment run."""

    id: UUID
    number: int
    programme: str
    period: str
    providers: list[str]
    state: str
    payments: int
    total: Amount
    fund: str

    @classmethod
    def of(cls, line: RunLine) -> "RunOut":
        return cls(
            id=line.id, number=line.number, programme=line.programme, period=line.period,
            providers=list(line.providers), state=line.state, payments=line.payments, total=Amount.of(line.total),
            fund=line.fund,
        )  # fmt: skip


class BuiltOut(RunOut):
    """The first run that was built; `others` are those of the same cycle that other funds pay, in their order."""

    others: list[RunOut]


class RouteOut(BaseModel):
    """The part of a run that goes out by one provider; one that took nothing `waits_until` it is tried again.

    `waiting` payments are not handed over yet; `held` ones of them are not while a discrepancy about them is open,
    `in_pairs` ones while somebody of their household may be on record twice.
    """

    provider: str
    mechanism: str
    payments: int
    total: Amount
    waits_until: datetime | None
    waiting: int
    held: int
    in_pairs: int

    @classmethod
    def of(cls, route: RouteLine) -> "RouteOut":
        return cls(
            provider=route.provider, mechanism=route.mechanism, payments=route.payments,
            total=Amount.of(route.total), waits_until=route.waits_until, waiting=route.waiting, held=route.held,
            in_pairs=route.in_pairs,
        )  # fmt: skip


class ChangeOut(BaseModel):
    """So many payments, what they were together in the last cycle, and what they are."""

    payments: int
    before: Amount
    after: Amount

    @classmethod
    def of(cls, change: Change) -> "ChangeOut":
        return cls(
            payments=change.payments, before=Amount.of(change.before), after=Amount.of(change.after)
        )


class ChangesOut(BaseModel):
    """Payments that differ from the programme's last cycle; `against` is its period, null where there is none."""

    against: str | None
    new: ChangeOut
    gone: ChangeOut
    amount_changed: ChangeOut
    account_changed: ChangeOut


class BandOut(BaseModel):
    """Payments of `first` to `last`, both included."""

    first: Amount
    last: Amount
    payments: int
    total: Amount


class CautionOut(BaseModel):
    """A warning. `blocks`: the run cannot be authorised like this. `amount` is what is concerned, or what is missing.

    `waivers`: the numbers of those that let pass what would block.
    """

    code: str
    message: str
    blocks: bool
    payments: int
    amount: Amount | None
    provider: str | None
    waivers: list[int]


class SignatureOut(BaseModel):
    """One signature that the run takes; `by` is null until it is given, `instead_of` says for whom somebody stood in."""

    step: str
    role: str
    by: str | None
    instead_of: str | None
    at: datetime | None

    @classmethod
    def of(cls, signature: SignedStep) -> "SignatureOut":
        return cls(
            step=signature.step, role=signature.role, by=signature.by, instead_of=signature.instead_of,
            at=signature.at,
        )  # fmt: skip


class CountedOut(BaseModel):
    """Why it takes these: what was counted over seven days, this run included, and the band that it chose.

    `runs` are the other runs in the sum, `rates` what other currencies were worth in the policy's, with day and source.
    No `policy`: every run takes these signatures.
    """

    policy: int | None
    band: int | None
    because: str
    amount: Amount
    runs: list[int]
    household: Amount | None
    rates: list[str]

    @classmethod
    def of(cls, needed: Required | None) -> "CountedOut | None":
        if needed is None or (counted := needed.counted) is None:
            return None
        others = {"maker": counted.maker.runs, "programme": counted.programme.runs}
        return cls(
            policy=needed.policy, band=needed.band, because=counted.because, amount=Amount.of(counted.amount),
            runs=list(others.get(counted.because, ())),
            household=counted.household and Amount.of(counted.household),
            rates=[str(quoted) for quoted in counted.rates],
        )  # fmt: skip


class FeesOut(BaseModel):
    """What a provider will charge for its part of the run, by which version of its tariff, and what is set aside now."""

    provider: str
    tariff: int
    payments: int
    expected: Amount
    held: Amount

    @classmethod
    def of(cls, fees: RouteFees) -> "FeesOut":
        return cls(
            provider=fees.provider, tariff=fees.tariff, payments=fees.payments, expected=Amount.of(fees.expected),
            held=Amount.of(fees.held),
        )  # fmt: skip


class FollowedOut(BaseModel):
    """So many payments that were given up in that earlier run, and are paid in this one."""

    run: int
    payments: int
    total: Amount


class RunSheetOut(RunOut):
    """What an approver signs. Give `digest` back as `digest_seen` with the signature."""

    cautions: list[CautionOut]
    routes: list[RouteOut]
    digest: str | None
    households: int
    smallest: Amount
    median: Amount
    largest: Amount
    spread: list[BandOut]
    budget_now: Amount
    budget_after: Amount
    promised: Amount | None = Field(
        default=None,
        description="What other runs that wait for their last signature will take from the budget, with their fees.",
    )
    fees: list[FeesOut]
    funding: FundingOut | None
    changes: ChangesOut
    signed: dict[str, UUID]
    signatures: list[SignatureOut]
    counted: CountedOut | None
    follows: list[FollowedOut]
    on_top: OnTopOut | None = None
    changed: list[ChangedOut] = Field(
        description="The deals that brought its fund's money into its currency, where the grant is in another."
    )
    waivers: list[str] = Field(
        description="One sentence for each waiver that was used, or could be."
    )

    @classmethod
    def from_sheet(cls, sheet: RunSheet) -> "RunSheetOut":
        facts = sheet.summary
        return cls(
            **RunOut.of(sheet.line).model_dump(), routes=[RouteOut.of(route) for route in sheet.routes],
            cautions=[
                CautionOut(
                    code=each.code, message=each.sentence, blocks=each.blocks, payments=each.payments,
                    amount=each.amount and Amount.of(each.amount), provider=each.provider, waivers=list(each.waivers),
                )
                for each in sheet.cautions
            ],
            digest=sheet.digest, households=facts.households, smallest=Amount.of(facts.smallest),
            median=Amount.of(facts.median), largest=Amount.of(facts.largest),
            spread=[
                BandOut(
                    first=Amount.of(band.first), last=Amount.of(band.last), payments=band.payments,
                    total=Amount.of(band.total),
                )
                for band in facts.spread
            ],
            budget_now=Amount.of(sheet.money.budget_now), budget_after=Amount.of(sheet.money.budget_after),
            promised=Amount.of(sheet.money.promised) if sheet.money.promised else None,
            fees=[FeesOut.of(each) for each in sheet.money.fees],
            funding=sheet.funding and FundingOut.of_run(sheet.funding),
            changes=ChangesOut(
                against=facts.against.period if facts.against else None,
                new=ChangeOut.of(facts.of(FindingKind.NEW)), gone=ChangeOut.of(facts.of(FindingKind.GONE)),
                amount_changed=ChangeOut.of(facts.of(FindingKind.AMOUNT)),
                account_changed=ChangeOut.of(facts.of(FindingKind.ACCOUNT)),
            ),
            signed={each.step: each.user_id for each in sheet.signatures if each.user_id},
            signatures=[SignatureOut.of(each) for each in sheet.signatures],
            counted=CountedOut.of(sheet.required),
            follows=[
                FollowedOut(run=each.run, payments=each.payments, total=Amount.of(each.total))
                for each in sheet.follows
            ],
            waivers=[each.sentence for each in sheet.waivers],
            on_top=OnTopOut.of(sheet.on_top) if sheet.on_top else None,
            changed=[ChangedOut.of(each) for each in sheet.changed],
        )  # fmt: skip


class StateTotalOut(BaseModel):
    """How many payments are in a state, and what they add up to: what was handed over of it, and the rest."""

    state: str
    payments: int
    total: Amount
    handed_over: Amount
    rest: Amount


class PaymentOut(BaseModel):
    """One payment, without anything that says who it is for."""

    id: UUID
    number: int
    household_id: UUID
    amount: Amount
    state: str
    attempts: int


class EventOut(BaseModel):
    """One thing that happened to a payment."""

    at: datetime
    what: str
