"""What happens at the counter at random: recipients come with their codes, tellers pay, mistype, leave and ask again."""

from uuid import UUID

from sqlalchemy import select

from cbi.messaging.phones import say
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.redemption import counter, shortages
from cbi.redemption.holding import Authorised
from cbi.redemption.models import CodeIssue
from cbi.redemption.refusals import Refused
from tests.redemption_factory import code_of, wrong
from tests.simulation.life import Cash, Life


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
        code = wrong(code)
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
        life.kept.unanswered.append((at, authorised.authorisation_id, payment.id))
        ask_again(life)


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
        at, authorisation_id, payment_id = waiting

        def work(
            at: int = at, authorisation_id: UUID = authorisation_id, payment_id: UUID = payment_id
        ) -> None:
            teller = life.ground.people.tellers[at]
            receipt = life.transact(lambda s: counter.confirm(s, teller, authorisation_id))
            life.acknowledge("payout", receipt.receipt)
            life.kept.cash.setdefault(
                receipt.receipt,
                Cash(payment_id, receipt.amount.minor, f"{life.weather.now:%Y-%m-%d}"),
            )

        before = sum(life.refusals.values())
        if life.step(f"teller {at} confirms", work) or sum(life.refusals.values()) > before:
            life.kept.unanswered.remove(waiting)


def recipient_texts(life: Life) -> None:
    """Somebody asks something by text."""
    number = life.chance.choice(sorted(life.ground.telephones.values()))
    words = life.chance.choice(("0", "1", "2", "3", "5", "9", "START", "is it here?"))
    life.step(f"a text says {words!r}", lambda: life.transact(lambda s: say(s, number, words)))
