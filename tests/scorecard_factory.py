"""Scorecards in use, officers who assess with them, and forms as somebody fills them in."""

import hashlib
import io
import itertools
from collections.abc import Mapping
from typing import Any

from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.permissions import Role
from cbi.registry.intake import importing
from cbi.registry.linkage import finding
from cbi.registry.models import Household
from cbi.registry.scorecards import versions
from tests.factories import EVERYTHING, Colleague, colleague

CARD = """
scorecard: need
name: {en: Need, fr: Besoin}
corrections: {alone_for_days: 7, again_after_days: 90}
indicators:
  hunger: {ask: {en: Days hungry, fr: Jours de faim}, kind: number, between: [0, 7],
    points: [{from: 2, points: 5}, {from: 5, points: 9}]}
  rent:
    ask: {en: Rent, fr: Loyer}
    kind: choice
    answers:
      paid: {say: {en: Paid, fr: Payé}}
      late: {say: {en: "Late, or not at all", fr: En retard}, points: 4}
  health:
    ask: {en: Health, fr: Santé}
    kind: many
    answers:
      chronic: {say: {en: Chronic illness, fr: Maladie chronique}, points: 2}
      serious: {say: {en: Serious need, fr: Besoin grave}, points: 3}
  alone: {ask: {en: Children alone, fr: Enfants seuls}, kind: yes-no}
  crowd: {ask: {en: Large household, fr: Grand ménage}, is: "size >= 6", points: 1}
rules:
  - {rule: children, when: alone, at_least: high, why: {en: children alone, fr: enfants seuls}}
bands: [{band: low, say: {en: Low, fr: Bas}}, {band: high, from: 6, say: {en: High, fr: Haut}}]
short: {indicators: [hunger, alone], long_if: "hunger >= 2 or alone", otherwise: low}
"""
NEEDY: dict[str, Any] = {"hunger": 5, "rent": "late", "health": ["chronic"], "alone": False}
CALM: dict[str, Any] = {"hunger": 0, "rent": "paid", "health": [], "alone": False}


def in_use(session: Session, text: str = CARD) -> versions.Kept:
    """A scorecard that one colleague proposed and another accepted."""
    proposer, accepter = (colleague(session, Role.PROGRAMME_MANAGER) for _ in range(2))
    made = versions.propose(session, proposer.actor, text)
    versions.accept(session, accepter.actor, made.code, made.version)
    return versions.find(session, made.code)


def officer(session: Session) -> Colleague:
    """Somebody who assesses."""
    return colleague(session, Role.REGISTRATION_OFFICER)


def made(session: Session, count: int = 1, size: int = 4) -> list[Household]:
    """Households of that size, whose people nobody could take for one another."""
    first = next(_first)
    numbers = [f"S-{first + at:06d}" for at in range(count)]
    lines = [
        "Registration number,Name,Sex,Phone,Language,Household size,Document type,Document number"
    ]
    for number in numbers:
        some = hashlib.sha256(number.encode()).hexdigest()
        name = f"{some[:9]} {some[9:20]}".translate(_LETTERS)
        phone, document = (int(each, 16) for each in (some[20:28], some[28:40]))
        lines.append(
            f"{number},{name},f,+21355{phone % 10**7:07d},ar,{size},passport,P{document % 10**9:09d}"
        )
    result = importing.import_file(
        session, EVERYTHING, io.BytesIO("\n".join(lines).encode()), filename="made.csv"
    )
    assert result.landed == count, result.rows
    finding.catch_up(session)
    found = session.scalars(select(Household).where(Household.source_id.in_(numbers))).all()
    return sorted(found, key=lambda each: each.source_id)


_first = itertools.count(step=1000)
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def fill(form: bytes, rows: Mapping[int, Mapping[str, str | int | None]]) -> io.BytesIO:
    """A form with these cells written into its rows (1 is the first household), by the headings."""
    book = load_workbook(io.BytesIO(form))
    sheet = book["Assessment"]
    places = {str(cell.value): at for at, cell in enumerate(sheet[1], start=1)}
    for row, cells in rows.items():
        for heading, value in cells.items():
            sheet.cell(row + 1, places[heading], value)
    target = io.BytesIO()
    book.save(target)
    target.seek(0)
    return target
