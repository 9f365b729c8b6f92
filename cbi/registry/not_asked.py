"""What nobody is asked, sorted or paid by, in the words of four languages: nationality, legal status, faith and origin.

An office names its own needs, questions and bands, so whoever writes them could bring in by a name what no table holds.
A file with such a name is refused; what makes life hard for people can be asked instead.
"""

import re
import unicodedata

THESE = "nationality, legal status, faith or origin"
"""What they are, for messages."""

ASK_INSTEAD = (
    "Ask for what makes life hard, whoever it is: no papers that a landlord or clinic takes, no right to earn, a newcomer"
    " without anybody, a language that nobody at the office speaks."
)
"""What to do instead, for messages."""

_KIND_OF = (
    "legal|migration|migratory|immigration|residence|residency|visa|refugee|asylum|protection"
)
_NAMES = re.compile(
    rf"\b(nationalit|citizenship|citoyennete|nacionalidad|ciudadania|ethni|etnia|etnic|religio|religieu"
    rf"|asylum|asile\b|asilo\b|refugee|refugie|refugiad|undocumented|sans papiers|indocumentad|stateless|apatrid"
    rf"|({_KIND_OF}) status|statut (juridique|legal|migratoire|de sejour|de refugie)"
    rf"|(situacion|estatus|estado|condicion) (legal|migratori|juridic)"
    rf"|countr(y|ies) of (origin|birth)|place of birth|pays d.?origine|pais(es)? de (origen|nacimiento)|lieu de naissance"
    rf"|lugar de nacimiento|residence permit|titre de sejour|carte de sejour|permiso de residencia)"
    r"|جنسيه|جنسيات|لجوء|لاجي|ديانه|عرقي|بلد المنشا|بلد الاصل|الوضع القانوني|تصريح (ال)?اقامه|بطاقه (ال)?اقامه|عديم",
)
_ONE_LETTER = str.maketrans({"ة": "ه", "ى": "ي", "ئ": "ي", "أ": "ا", "إ": "ا", "آ": "ا", "ـ": ""})


def sorts_people(words: str) -> bool:
    """Whether these words would ask for nationality, legal status, faith or origin, or sort people by it."""
    letters = unicodedata.normalize("NFC", words.casefold()).translate(_ONE_LETTER)
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(c)
    )
    return _NAMES.search(" ".join(re.split(r"[\W_]+", plain))) is not None
