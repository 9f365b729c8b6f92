"""What happens at the counter at random: recipients come with their codes, tellers pay, mistype, leave and ask again."""

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.messaging.phones import say
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.states import PaymentState
from cbi.redemption import counter, parts, shortages
from cbi.redemption.holding import Authorised
from cbi.redemption.models import CodeIssue
from cbi.redemption.refusals import Refused
from tests.redemption_factory import code_of
from tests.redemption_factory import wrong as another
from tests.simulation.kept import Cash
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong


def recipient_comes(life: Life) -> None:
    """Somebody with a code, dead or alive, stands at one counter or at two."""
    found = life.look(
        lambda s: s.execute(
            select(Payment.id, Payment.household_id, Payment.amount_minor)
            .join(CodeIssue, CodeIssue.payment_id == Payment.id)
            .where(CodeIssue.current)
            .order_by(Payment.id)
        ).all()
    )
    if not found:
        return
    payment = life.chance.choice(found)
    code, factor = (
        life.look(lambda s: code_of(payment.id, s)),
        life.ground.factors[payment.household_id],
    )
    if life.chance.random() < 0.1:
        code = another(code)
    elif life.chance.random() < 0.1:
        factor = "9999"
    tellers = [0, 1] if life.weather.strikes("F23", 0.3) else [life.chance.randrange(2)]
    held = [(at, hold) for at in tellers if (hold := _authorise(life, at, code, factor))]
    for at, authorised in held:
        chance = life.chance.random()
        if chance < 0.1:
            _give_up(life, at, authorised.authorisation_id)
            continue
        if chance < 0.25:
            _no_cash(life, at, authorised.authorisation_id)
            continue
        if life.weather.strikes("F23", 0.2):
            life.step(
                "a text blocks the code",
                lambda: life.transact(
                    lambda s: say(s, life.ground.telephones[payment.household_id], "5")
                ),
            )
        part = _part(life, payment.amount_minor) if life.chance.random() < 0.3 else None
        life.kept.unanswered.append((at, authorised.authorisation_id, payment.id, part))
        ask_again(life)


def _part(life: Life, minor: int) -> Money:
    """A part that somebody wants, or all that the teller has; now and then one that may not be paid."""
    most = max(minor // 10_00 - 1, 3)
    return Money(life.chance.choice((15_00, 10_00 * life.chance.randint(2, most))), "DZD")


def _authorise(life: Life, at: int, code: str, factor: str) -> Authorised | None:
    answers: list[Authorised | Refused] = []

    def work() -> None:
        teller = life.ground.people.tellers[at]
        answers.append(
            life.transact(lambda s: counter.authorise(s, teller, code=code, factor=factor))
        )

    if life.step(f"teller {at} types a code", work) and isinstance(answers[-1], Authorised):
        return answers[-1]
    return None


def _give_up(life: Life, at: int, authorisation_id: UUID) -> None:
    teller = life.ground.people.tellers[at]
    life.step(
        f"teller {at} gives a code up",
        lambda: life.transact(lambda s: counter.release_hold(s, teller, authorisation_id)),
    )


def _no_cash(life: Life, at: int, authorisation_id: UUID) -> None:
    teller = life.ground.people.tellers[at]
    if life.step(
        f"teller {at} has not enough cash",
        lambda: life.transact(
            lambda s: shortages.turn_away(s, teller, authorisation_id=authorisation_id)
        ),
    ):
        life.acknowledge("shortage", authorisation_id)


def cash_is_short(life: Life) -> None:
    """The provider's supervisor notes that the counter has no cash; it goes on as soon as it pays again."""
    people, asked = life.ground.people, life.chance.choice((None, Money(5_000_00, "DZD")))
    life.step(
        "a supervisor reports that there is no cash",
        lambda: life.transact(
            lambda s: shortages.report(s, people.supervisor, people.counter, asked).id
        ),
    )


def ask_again(life: Life) -> None:
    """Each teller who has no answer to a confirmation asks again; with a receipt, the cash leaves the hand, once."""
    for waiting in list(life.kept.unanswered):
        at, authorisation_id, payment_id, part = waiting
        if part is not None and life.weather.strikes("F24", 0.3):
            _ask_another(life, at, authorisation_id, payment_id, part)

        def work(
            at: int = at, authorisation_id: UUID = authorisation_id, payment_id: UUID = payment_id,
            part: Money | None = part,
        ) -> None:  # fmt: skip
            teller = life.ground.people.tellers[at]
            receipt = life.transact(
                lambda s: (
                    counter.confirm(s, teller, authorisation_id)
                    if part is None
                    else parts.confirm(s, teller, authorisation_id, part)
                )
            )
            life.acknowledge("payout" if part is None else "part", receipt.receipt)
            day, minor = f"{life.weather.now:%Y-%m-%d}", receipt.amount.minor
            told = life.kept.cash.setdefault(receipt.receipt, Cash(payment_id, minor, day))
            told.minor = max(told.minor, minor)

        before = sum(life.refusals.values())
        if (
            life.step(f"teller {at} confirms {part or ''}", work)
            or sum(life.refusals.values()) > before
        ):
            life.kept.unanswered.remove(waiting)


def _ask_another(
    life: Life, at: int, authorisation_id: UUID, payment_id: UUID, part: Money
) -> None:
    """The teller types another part first; what is answered with a receipt is handed over, and nothing more."""
    other = part + Money(10_00, "DZD")
    life.kept.unanswered.append((at, authorisation_id, payment_id, other))


def recipient_texts(life: Life) -> None:
    """Somebody asks something by text."""
    number = life.chance.choice(sorted(life.ground.telephones.values()))
    words = life.chance.choice(("0", "1", "2", "3", "5", "9", "START", "is it here?"))
    life.step(f"a text says {words!r}", lambda: life.transact(lambda s: say(s, number, words)))


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """What left the tellers' hands is what the books call paid over the counter: whole, or in parts that are not more."""
    rows = session.execute(_PAYOUTS).all()
    payouts = {row.receipt: row for row in rows}
    handed: Counter[UUID] = Counter()
    for receipt, each in life.kept.cash.items():
        handed[each.payment_id] += each.minor
        row = payouts.get(receipt)
        if row is None or (row.payment_id, row.amount_minor) != (each.payment_id, each.minor):
            yield (
                Kind.LOST,
                f"cash was handed out for receipt {receipt}, and our books do not say so",
            )
    for row in rows:
        if row.receipt not in life.kept.cash:
            yield (
                Kind.OTHERWISE,
                f"our books have receipt {row.receipt}, and no teller handed anything out",
            )
    for who, minor in handed.items():
        known = next((row for row in rows if row.payment_id == who), None)
        if known is None:
            continue
        if minor > known.owed:
            yield Kind.PAID_TWICE, f"payment {who} of {known.owed} was given {minor} in cash"
        elif (minor == known.owed) != (known.state == PaymentState.PAID):
            yield (
                Kind.OTHERWISE,
                f"payment {who} was given {minor} of {known.owed}, and is {known.state}",
            )
        elif minor != known.owed and minor != known.parts_minor:
            yield (
                Kind.OTHERWISE,
                f"payment {who} was given {minor} in parts, {known.parts_minor} in our books",
            )


_PAYOUTS = text(
    "SELECT o.receipt, o.payment_id, o.amount_minor, p.state, p.amount_minor AS owed, p.parts_minor"
    " FROM payouts o JOIN payments p ON p.id = o.payment_id"
)
