"""How much texts may tell each recipient: asked at registration, changed whenever the person wants."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.messaging.choices import Level
from cbi.registry.consent.models import Scope
from cbi.registry.consent.standing import beside_no_list, said_no
from cbi.registry.models import Gone, PaymentAccount, Person, PrivacyChoice
from cbi.registry.personal import UnknownPerson


def choose(session: Session, actor: Actor, person_id: UUID, level: Level) -> None:
    """Note how much texts may tell a person from now on, also those that wait. Raises NotPermitted, UnknownPerson.

    A merge of the same moment waits for this and takes it along, or is seen here, and the person is asked again.
    """
    actor.require(Permission.PRIVACY_CHOOSE)
    beside_no_list(session)
    one = select(Person.id).where(Person.id == person_id, Person.gone.is_distinct_from(Gone.SAME))
    if session.scalar(one) is None:
        raise UnknownPerson(
            "There is no such person, or another record of theirs is the one that counts.",
            next_step="Check the household's record.",
        )
    chosen = {"level": level, "chosen_at": clock.now(), "noted_by": actor.id}
    session.execute(
        insert(PrivacyChoice)
        .values(person_id=person_id, **chosen)
        .on_conflict_do_update(index_elements=["person_id"], set_=chosen)
    )
    record(session, actor, "privacy.chosen", "person", person_id, level=level.value)


def levels(session: Session, account_ids: Sequence[UUID]) -> Mapping[UUID, Level]:
    """The levels of the people whom payment accounts belong to; those who were never asked are left out.

    Whoever said no to texts gets none, whatever they chose before; who was on record twice has said it by either number.
    """
    these = PaymentAccount.id == any_(bindparam(None, list(account_ids), ARRAY(Uuid)))
    whose = func.coalesce(Person.same_as, Person.id)
    rows = session.execute(
        select(PaymentAccount.id, PrivacyChoice.level)
        .join(Person, Person.id == PaymentAccount.person_id)
        .join(PrivacyChoice, PrivacyChoice.person_id == whose)
        .where(these)
    )
    silent = session.scalars(
        select(PaymentAccount.id)
        .join(Person, Person.id == PaymentAccount.person_id)
        .where(these, said_no(whose, Scope.TEXTS))
    )
    return dict(rows.all()) | dict.fromkeys(silent, Level.NO_SMS)
