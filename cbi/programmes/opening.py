"""A payment cycle that is being opened: what those who work out its entitlements need to know."""

from dataclasses import dataclass
from uuid import UUID

from cbi.programmes.definition import Definition
from cbi.programmes.periods import Period


@dataclass(frozen=True, slots=True)
class Opening:
    """The cycle's row is written; its programme's rules cannot change until the transaction ends."""

    cycle_id: UUID
    programme_id: UUID
    period: Period
    version: int
    """The version of the programme whose `definition` this is."""
    definition: Definition
