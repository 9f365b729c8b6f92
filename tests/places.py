"""A small tree of made-up places, as the lists that people have of them."""

import io
from collections.abc import Sequence

from sqlalchemy.orm import Session

from cbi.registry.areas.keeping import Taken, import_areas
from tests.factories import EVERYTHING

LEVELS = """\
ADM0_PCODE,ADM0_EN,ADM1_PCODE,ADM1_EN,ADM1_FR,ADM1_AR,ADM2_PCODE,ADM2_FR,ADM2_AR
DZ,Algeria,DZ31,Oran,Oran,وهران,DZ3101,Oran,وهران
DZ,Algeria,DZ31,Oran,Oran,وهران,DZ3102,Es Sénia,السانية
DZ,Algeria,DZ16,Algiers,Alger,الجزائر,DZ1601,Bab El Oued,باب الوادي
DZ,Algeria,DZ16,Algiers,Alger,الجزائر,DZ1602,Sidi Ali,سيدي علي
DZ,Algeria,DZ27,Mostaganem,Mostaganem,مستغانم,DZ2701,Sidi Ali,سيدي علي
"""


def take_in(session: Session, text: str = LEVELS, *, dry_run: bool = False) -> Taken:
    """Take in a list of places given as CSV."""
    return import_areas(
        session, EVERYTHING, io.BytesIO(text.encode()), filename="places.csv", dry_run=dry_run
    )


def listed(rows: Sequence[tuple[str, str]], *, first: int = 0) -> io.BytesIO:
    """A registration list: a number and an area for each household, everybody with a telephone of their own."""
    lines = [
        "Registration number,Name,Phone,Language,Household size,Area,Document type,Document number"
    ]
    lines += [
        f"{number},Somebody {at},+2135{first + at:08d},ar,3,{area},passport,PLC{first + at:05d}"
        for at, (number, area) in enumerate(rows)
    ]
    return io.BytesIO("\n".join(lines).encode())
