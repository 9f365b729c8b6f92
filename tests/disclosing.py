"""Disclosures for tests, proposed by one colleague and approved by the legal officer."""

from datetime import timedelta

from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.permissions import Role
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.disclosing import Proposal
from cbi.registry.disclosing.models import Form
from tests.factories import colleague


def agreed(session: Session, *, most: int = 100) -> int:
    """The number of an agreement with another agency to exchange keyed hashes."""
    said = Proposal(
        "agency", "Agency next door", "Agreement on double registrations", "Finding whom both assist",
        "Nothing less finds them", "A guess could be tried against a hash", Form.HASHES, most,
        clock.now().date() + timedelta(days=90),
    )  # fmt: skip
    proposer, legal = (
        colleague(session, role) for role in (Role.PROGRAMME_MANAGER, Role.LEGAL_OFFICER)
    )
    number = disclosing.propose(session, proposer.actor, said).number
    return disclosing.approve(session, legal.actor, number, "As agreed.", legal.code()).number
