"""What some recipients write to the made-up office, and that each of them is answered."""

from cbi import jobs
from cbi.demo.handsets import Handset
from cbi.demo.people import MadeUp
from cbi.demo.town import OFFICE, Town

A_FEE = "PROBLEM the teller asked me for a fee"


def ask(town: Town) -> int:
    """Three want to know where their money is, one was asked for a fee, one lost the code, and one nobody knows.

    Returns how many texts were answered.
    """
    now, later = town.at_the_counters()
    waits, lost = _who(later, "ar"), later[-1]
    texts: list[tuple[Handset, str]] = [
        (town.handsets.of(waits), "حالة"),
        (town.handsets.of(_who(now, "fr")), "STATUT"),
        (town.handsets.of(_who(town.by_mobile_money[2:] or now, "en", now)), "STATUS"),
        (town.handsets.of(_who(now, "en")), A_FEE),
        (town.handsets.of(lost), {"ar": "ضاع", "fr": "PERDU", "en": "LOST"}[lost.language]),
        (town.handsets.stranger(), "STATUS"),
    ]
    for handset, words in texts:
        handset.say(OFFICE, words)
    town.handsets.wrote = [handset for handset, _ in texts]
    town.handsets.waiting = [
        handset for handset in town.handsets.waiting if lost not in handset.holders
    ]
    return jobs.answer(OFFICE)


def _who(people: list[MadeUp], language: str, otherwise: list[MadeUp] | None = None) -> MadeUp:
    """The first who reads this language."""
    found = next((person for person in people if person.language == language), None)
    return found or _who(otherwise or people, language)
