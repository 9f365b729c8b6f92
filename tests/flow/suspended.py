"""A payment of which a provider's statements say all sorts of things, and the people who find what their lines are."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes import settling
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.reconciliation import line_findings, matching
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.models import StatementLine, Verdict
from cbi.reconciliation.statements import take_in
from tests.factories import EVERYTHING, Colleague, colleague
from tests.flow.two_attempts import Tried
from tests.reconciliation_factory import movements

PROOF = "Letter 55 of the provider"


class Told:
    """A payment of 1,000 dinars, the statements about it, and a treasurer and colleagues who look into their lines."""

    def __init__(self, tried: Tried, colleagues: int = 3) -> None:
        self.tried, self.start, self.files = tried, tried.books(), 0
        with offices.transaction("dz") as session:
            self.treasurer = colleague(session, Role.TREASURER)
            # A code is good once: each confirmation is another colleague's.
            self.authorisers = [colleague(session, Role.AUTHORISER) for _ in range(colleagues)]
            self.both = colleague(session, Role.TREASURER, Role.AUTHORISER)

    def key(self, attempt: int = 1) -> str:
        return f"{self.tried.id.hex}-{attempt:02d}"

    def lists(self, *rows: dict[str, object]) -> matching.Reconciled:
        """The provider's statement has these movements; it is taken in and compared."""
        self.files += 1
        content = movements(*rows) + b"\n" * self.files  # no file is another

        def work(session: Session) -> matching.Reconciled:
            take_in(session, EVERYTHING, "sandbox", content, f"{self.files}.jsonl")
            return matching.reconcile(session, EVERYTHING, "sandbox")

        done = self.tried.do(work)
        assert isinstance(done, matching.Reconciled)
        return done

    def compare(self) -> matching.Reconciled:
        done = self.tried.do(lambda s: matching.reconcile(s, EVERYTHING, "sandbox"))
        assert isinstance(done, matching.Reconciled)
        return done

    def line(self, name: str) -> UUID:
        found = self.tried.do(
            lambda s: s.scalars(select(StatementLine.id).where(StatementLine.line_id == name)).one()
        )
        assert isinstance(found, UUID)
        return found

    def report(
        self, name: str, verdict: Verdict, who: Colleague | None = None, **named: Any
    ) -> None:
        said = Said(verdict, **named)
        one, line = (who or self.treasurer).actor, self.line(name)
        self.finding = self.tried.do(
            lambda s: line_findings.report(s, one, line, said, PROOF).id
        )  # fmt: skip

    def confirm(self, who: Colleague | None = None) -> None:
        one = who or self.authorisers.pop()
        code = one.code()
        assert isinstance(self.finding, UUID)
        finding = self.finding
        self.tried.do(lambda s: line_findings.confirm(s, one.actor, finding, code).id)

    def found(self, name: str, verdict: Verdict, **named: Any) -> None:
        self.report(name, verdict, **named)
        self.confirm()

    def is_attempt(self, name: str, attempt: int = 1) -> None:
        self.found(name, Verdict.ATTEMPT, payment_id=self.tried.id, attempt=attempt)

    def settle(self, kind: str) -> None:
        """Somebody with every right explains it in words."""

        def work(session: Session) -> None:
            kinds = select(Discrepancy.id).where(
                Discrepancy.kind == kind, Discrepancy.settled_at.is_(None)
            )
            for each in session.scalars(kinds):
                settling.settle(session, EVERYTHING, each, "They wrote that it was a mistake.")

        self.tried.do(work)

    def books(self, *codes: str) -> list[int]:
        """How much these accounts hold more than at the start."""
        now = self.tried.books()
        return [now.get(code, 0) - self.start.get(code, 0) for code in codes]

    def suspended(self) -> int:
        """What the lines in suspense did to our float, in minor units."""
        held = self.tried.do(
            lambda s: int(
                s.scalar(
                    select(func.coalesce(func.sum(SuspendedLine.effect_minor), 0)).where(
                        SuspendedLine.ended_at.is_(None)
                    )
                )
                or 0
            )
        )
        assert isinstance(held, int)
        return held

    def listed(self) -> int:
        """What all lines of the provider's statements did to our float."""
        moved = self.tried.do(
            lambda s: int(
                s.scalar(
                    text(
                        "SELECT coalesce(sum(CASE WHEN kind IN ('payment', 'fee') THEN -amount_minor ELSE amount_minor"
                        " END), 0) FROM statement_lines"
                    )
                )
                or 0
            )
        )
        assert isinstance(moved, int)
        return moved

    def transfer(self, entry: str) -> int:
        """The movement of our float by this entry."""
        found = self.tried.do(
            lambda s: s.scalar(
                text(
                    "SELECT max(t.id) FROM transfers t JOIN accounts a ON a.code = '1100'"
                    " AND a.id IN (t.debit_account_id, t.credit_account_id) WHERE t.entry = :entry"
                ),
                {"entry": entry},
            )
        )
        assert isinstance(found, int)
        return found


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(CbiError) as refusal:
        work()
    return refusal.value.code
