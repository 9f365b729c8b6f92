"""How activities, groups and work sheets appear over the API."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.ledger.schemas import Amount
from cbi.programmes.work_models import Basis, WorkActivity, WorkGroup, WorkMember
from cbi.programmes.work_queries import RowLine, SheetLine
from cbi.programmes.work_results import Entered


class AddActivity(BaseModel):
    """Work at one place. Its `code` marks its pay in reports; `supervisor` is the user who signs its sheets."""

    code: str = Field(max_length=40, examples=["well"])
    name: str = Field(max_length=120, examples=["Digging the well"])
    area: str = Field(max_length=120, examples=["Harbour"])
    basis: Basis
    starts_on: date
    ends_on: date
    supervisor: str = Field(max_length=100, examples=["s.haddad"])


class ChangeSupervisor(BaseModel):
    """Who signs from now on."""

    supervisor: str = Field(max_length=100)


class ActivityOut(BaseModel):
    """One activity."""

    code: str
    name: str
    area: str
    basis: Basis
    starts_on: date
    ends_on: date
    supervisor_id: UUID

    @classmethod
    def of(cls, activity: WorkActivity) -> "ActivityOut":
        return cls.model_validate(activity, from_attributes=True)


class AddGroup(BaseModel):
    """People who stand on one sheet."""

    code: str = Field(max_length=40, examples=["group-a"])
    name: str = Field(max_length=120, examples=["Morning group"])


class GroupOut(BaseModel):
    """One group."""

    code: str
    name: str

    @classmethod
    def of(cls, group: WorkGroup) -> "GroupOut":
        return cls(code=group.code, name=group.name)


class NamedPerson(BaseModel):
    """A registered person: the household's registration number and, unless it is the recipient, a name."""

    registration: str = Field(max_length=100, examples=["H-0042"])
    name: str = Field("", max_length=200)


class Join(BaseModel):
    """Who joins a group, and their first day."""

    people: list[NamedPerson] = Field(min_length=1, max_length=5000)
    joined_on: date


class Joined(BaseModel):
    """How many were not in the group yet."""

    added: int


class Leave(NamedPerson):
    """Who leaves a group, and their last day."""

    last_day: date


class MemberOut(BaseModel):
    """Somebody in a group, without a name; `number` is how sheets and calculations call them."""

    number: int
    registration: str
    joined_on: date
    left_on: date | None

    @classmethod
    def of(cls, member: WorkMember, registration: str) -> "MemberOut":
        return cls(
            number=member.number, registration=registration, joined_on=member.joined_on,
            left_on=member.left_on,
        )  # fmt: skip


class MakeSheet(BaseModel):
    """The period of the sheet, such as 2026-01."""

    period: str = Field(max_length=22)


class SheetOut(BaseModel):
    """A sheet as it stands. `version` is 0 until it has come back; `unpaid` is signed and in no cycle yet."""

    number: int
    activity: str
    group: str
    period: str
    version: int
    corrects: int | None
    reason: str | None
    rows: int
    half_days: int
    earned: Amount
    entered_at: datetime | None
    entered_by: UUID | None
    signed_at: datetime | None
    signed_by: UUID | None
    is_refused: bool
    unpaid: Amount

    @classmethod
    def of(cls, line: SheetLine) -> "SheetOut":
        return cls(
            number=line.number, activity=line.activity, group=line.group, period=line.period,
            version=line.version, corrects=line.corrects, reason=line.reason, rows=line.rows,
            half_days=line.half_days, earned=Amount.of(line.earned), entered_at=line.entered_at,
            entered_by=line.entered_by, signed_at=line.signed_at, signed_by=line.signed_by,
            is_refused=line.is_refused,
            unpaid=Amount.of(line.unpaid),
        )  # fmt: skip


class SheetRowOut(BaseModel):
    """One row, without a name. `before` is the calculation of the row that it corrects."""

    number: int
    registration: str
    half_days: int
    pieces: dict[str, int]
    earned: Amount
    trace: str
    before: str | None

    @classmethod
    def of(cls, row: RowLine) -> "SheetRowOut":
        return cls(
            number=row.number, registration=row.registration, half_days=row.half_days,
            pieces=row.pieces, earned=Amount.of(row.earned), trace=row.trace, before=row.before,
        )  # fmt: skip


class SheetDetailOut(SheetOut):
    """A sheet with the rows of its latest version, and the digest that a supervisor signs."""

    digest: str | None
    lines: list[SheetRowOut]


class SignSheet(BaseModel):
    """The signer's fresh one-time code, and the digest of what they were shown."""

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")
    digest_seen: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="When the sheet has changed since, nothing is signed.",
    )


class NotedRowOut(BaseModel):
    """A row that was taken, but is worth a look."""

    line: int
    warnings: list[dict[str, str]]


class EnteredOut(BaseModel):
    """What came of a sheet that was handed in. `repeated`: the file was taken in before, and nothing changed."""

    sheet: int
    version: int
    corrects: int | None
    taken: int
    half_days: int
    earned: Amount
    dry_run: bool
    repeated: bool
    noted: list[NotedRowOut]

    @classmethod
    def of(cls, entered: Entered) -> "EnteredOut":
        return cls(
            sheet=entered.sheet, version=entered.version, corrects=entered.corrects,
            taken=entered.taken, half_days=entered.half_days, earned=Amount.of(entered.earned),
            dry_run=entered.dry_run, repeated=entered.repeated,
            noted=[
                NotedRowOut(line=row.line, warnings=[each.as_json() for each in row.warnings])
                for row in entered.rows
            ],
        )  # fmt: skip


class Tie(NamedPerson):
    """A member of staff is this registered person, or only shares a name with them."""

    username: str = Field(max_length=100)
    is_same: bool
    reason: str = Field(max_length=500)
