"""Twelve made-up households for one day: three ways of being paid, three languages, and no two alike."""

import csv
import io
from dataclasses import dataclass
from datetime import date

FIRST = (
    "Zoubida", "Ottokar", "Wilhelmina", "Balthazar", "Xanthippe", "Thaddeus", "Quirina", "Ignatius", "Perpetua",
    "Leopoldine", "Fridolin", "Hildegund",
)  # fmt: skip
LAST = "Thistlewick"
WAYS = ("cash",) * 5 + ("mobile money",) * 4 + ("card",) * 3
LANGUAGES = ("ar", "fr", "en")
A_MEMBER = 1000
"""Dinars for each member of a household."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody made up, and the telephone and document that they carry."""

    at: int

    @property
    def number(self) -> str:
        """The registration number."""
        return f"WADI-{self.at:04d}"

    @property
    def first_name(self) -> str:
        return FIRST[self.at]

    @property
    def name(self) -> str:
        return f"{self.first_name} {LAST}"

    @property
    def phone(self) -> str:
        return f"+2136614{self.at:02d}8{70 + self.at}"

    @property
    def document(self) -> str:
        return f"QX7{self.at}40W{self.at:02d}VK"

    @property
    def way(self) -> str:
        return WAYS[self.at]

    @property
    def language(self) -> str:
        return LANGUAGES[self.at % 3]

    @property
    def dinars(self) -> int:
        """What they are owed."""
        return (1 + self.at % 7) * A_MEMBER


EVERYBODY = [Recipient(at) for at in range(len(FIRST))]
CASH, MOBILE, CARDS = (
    [each for each in EVERYBODY if each.way == way] for way in ("cash", "mobile money", "card")
)


def owed(people: list[Recipient]) -> int:
    """What they are owed together, in dinars."""
    return sum(each.dinars for each in people)


def registration_list() -> bytes:
    """The list as a registration officer has it."""
    text = io.StringIO()
    sheet = csv.writer(text)
    sheet.writerow(
        ["Registration number", "Name", "Phone", "Language", "Household size", "Document type", "Document number",
         "Paid by"]
    )  # fmt: skip
    sheet.writerows(
        (each.number, each.name, each.phone, each.language, each.dinars // A_MEMBER, "passport", each.document,
         each.way)
        for each in EVERYBODY
    )  # fmt: skip
    return text.getvalue().encode()


def programme(year: int) -> str:
    """Their programme, which pays each in the way they asked for."""
    return f"""
programme: {{code: winter, name: "Winter stipend", kind: stipend, languages: [ar, fr, en]}}
fund: {{code: grant, name: "Winter grant", amount: "500000.00", valid_from: {year}-01-01, valid_to: {year + 1}-12-31}}
currency: DZD
stipend: {{base: "0.00", per_member: "{A_MEMBER}.00"}}
schedule: {{every: month, first: {year}-01, last: {year + 1}-12}}
delivery:
  provider: post_office
  mechanism: cash_over_counter
  also:
    - {{provider: mobile_money, mechanism: mobile_money}}
    - {{provider: cards, mechanism: prepaid_card}}
"""


def settlement(day: date, receipts: list[tuple[str, int]]) -> bytes:
    """The post office's list of what it paid: receipt numbers and dinars."""
    lines = [f"{day};101;{receipt};{dinars}.00;DZD" for receipt, dinars in receipts]
    total = sum(dinars for _, dinars in receipts)
    return "\n".join(
        ["date;office;receipt;amount;currency", *lines, f"TOTAL;{len(lines)};;{total}.00;DZD"]
    ).encode()
