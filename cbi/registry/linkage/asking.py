"""How many questions other agencies asked today: whoever holds a shared key cannot try all names and numbers with it."""

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import Conflict
from cbi.offices import office_of
from cbi.registry.linkage.models import ExchangeDay
from cbi.settings import settings


class TooManyQuestions(Conflict):
    """More hashes than are compared in a day."""

    code = "exchange.too_many_questions"


def count(session: Session, key_name: str, lines: int) -> None:
    """Count so many hashes that are to be compared today, by the key they were made with. Raises TooManyQuestions.

    What is allowed is for all keys together: another key gives no more. It is counted with the answer, or not at all.
    """
    office, most = office_of(session), settings().exchange_lines_a_day
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"exchange:{office.code}"},
    )
    today = clock.today(office.timezone)
    asked = int(
        session.scalar(
            select(func.coalesce(func.sum(ExchangeDay.lines), 0)).where(ExchangeDay.day == today)
        )
        or 0
    )
    if asked + lines > most:
        raise TooManyQuestions(
            f"{lines:,} hashes are asked about and {asked:,} were today; {most:,} a day are compared.",
            next_step="Ask again tomorrow, or about fewer people. CBI_EXCHANGE_LINES_A_DAY says how many.",
        )
    new = upsert(ExchangeDay).values(key_name=key_name, day=today, lines=lines, most=most)
    session.execute(
        new.on_conflict_do_update(
            index_elements=[ExchangeDay.key_name, ExchangeDay.day],
            set_={
                "lines": ExchangeDay.lines + new.excluded.lines,
                "most": func.greatest(ExchangeDay.most, new.excluded.most),
            },
        )
    )
