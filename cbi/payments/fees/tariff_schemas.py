"""How tariffs appear over the API."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.payments.fees.fee_models import TariffVersion
from cbi.payments.signing.signing_schemas import OneTimeCode

_EXAMPLE = """provider: post_office
currency: DZD
valid_from: 2026-12-01
source: Contract 2026/14, annex B
rounding: nearest
bands:
  - fixed: "40.00"
    basis_points: 50
"""


class ProposeTariff(OneTimeCode):
    """A tariff as its file has it (YAML)."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"file": _EXAMPLE, "one_time_code": "123456"}}
    )

    file: str = Field(max_length=262_144)


class TariffOut(BaseModel):
    """One version of a tariff; accepted, it counts from `valid_from` until a later version's first day has come."""

    provider: str
    currency: str
    version: int
    valid_from: date
    rules: dict[str, Any]
    digest: str
    proposed_by: UUID
    proposed_at: datetime
    accepted_by: UUID | None
    accepted_at: datetime | None
    refusal_id: UUID | None

    @classmethod
    def of(cls, row: TariffVersion) -> "TariffOut":
        return cls(
            provider=row.provider, currency=row.currency, version=row.version, valid_from=row.valid_from,
            rules=row.rules, digest=row.digest.hex(), proposed_by=row.proposed_by, proposed_at=row.proposed_at,
            accepted_by=row.accepted_by, accepted_at=row.accepted_at, refusal_id=row.refusal_id,
        )  # fmt: skip
