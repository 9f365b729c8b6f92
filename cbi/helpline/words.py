"""The words by which a recipient may ask, in four languages, beside the digits that mean the same in every one."""

from collections.abc import Mapping
from enum import StrEnum


class Command(StrEnum):
    """What a recipient can ask for by text."""

    HELP = "help"
    STATUS = "status"
    CODE = "code"
    WHERE = "where"
    COMPLAIN = "complain"
    LOST = "lost"
    PROBLEM = "problem"
    LANG = "lang"
    CALL = "call"
    STOP = "stop"
    START = "start"
    WRONG = "wrong"
    YES = "yes"
    CONSENT = "consent"


DIGITS: Mapping[str, Command] = {
    "0": Command.HELP,
    "1": Command.STATUS,
    "2": Command.CODE,
    "3": Command.WHERE,
    "4": Command.COMPLAIN,
    "5": Command.LOST,
    "6": Command.PROBLEM,
    "7": Command.LANG,
    "8": Command.CALL,
    "9": Command.STOP,
}

WORDS: Mapping[Command, Mapping[str, str]] = {
    Command.HELP: {
        "en": "help info menu", "fr": "aide info menu aidez", "es": "ayuda info menu ayudenme",
        "ar": "مساعدة معلومات ساعدوني قائمة",
    },
    Command.STATUS: {
        "en": "status state", "fr": "statut etat", "es": "estado", "ar": "حالة حالتي وضع",
    },
    Command.CODE: {
        "en": "code resend", "fr": "code renvoi renvoyer", "es": "codigo reenvio reenviar",
        "ar": "رمز كود الكود",
    },
    Command.WHERE: {
        "en": "where office offices", "fr": "bureau bureaux ou", "es": "oficina oficinas donde",
        "ar": "مكتب مكاتب اين وين",
    },
    Command.COMPLAIN: {
        "en": "complain complaint", "fr": "plainte reclamation", "es": "queja reclamo quejarme",
        "ar": "شكوى شكاية",
    },
    Command.LOST: {
        "en": "lost stolen block", "fr": "perdu perdue vole volee bloquer",
        "es": "perdido perdida perdi robado robada bloquear", "ar": "ضاع ضاعت فقدت سرقة سرق سرقت",
    },
    Command.PROBLEM: {
        "en": "no problem", "fr": "non probleme", "es": "no problema", "ar": "مشكلة مشكل لا",
    },
    Command.LANG: {
        "en": "lang language", "fr": "langue", "es": "idioma lengua", "ar": "لغة",
    },
    Command.CALL: {
        "en": "call callme", "fr": "rappel appel rappelez appelez", "es": "llamar llamenme llamame",
        "ar": "اتصل اتصلوا اتصال كلموني",
    },
    Command.STOP: {
        "en": "stop end unsubscribe", "fr": "arret stop", "es": "alto baja stop", "ar": "توقف ايقاف اوقفوا",
    },
    Command.START: {
        "en": "start unstop", "fr": "debut reprise", "es": "alta inicio", "ar": "ابدا استئناف",
    },
    Command.WRONG: {
        "en": "wrong", "fr": "erreur", "es": "equivocado error", "ar": "خطا غلط",
    },
    Command.YES: {
        "en": "yes ok", "fr": "oui ok", "es": "si ok", "ar": "نعم",
    },
    Command.CONSENT: {
        "en": "consent agreed privacy data", "fr": "consentement accord donnees",
        "es": "consentimiento acuerdo datos", "ar": "موافقة موافقتي بياناتي",
    },
}  # fmt: skip
"""Single words; accents, capitals, vowel signs and the Arabic article make no difference."""

PHRASES: Mapping[Command, Mapping[str, tuple[str, ...]]] = {
    Command.CODE: {"en": ("new code",), "fr": ("nouveau code",), "es": ("codigo nuevo", "nuevo codigo"),
                   "ar": ("رمز جديد",)},
    Command.WHERE: {"en": ("post office", "post offices"), "fr": ("bureau de poste", "bureaux de poste"),
                    "es": ("oficina postal",), "ar": ("مكتب بريد", "مكتب البريد")},
    Command.LOST: {"en": ("not me", "lost code", "code lost"), "fr": ("pas moi", "code perdu", "code vole"),
                   "es": ("no soy yo", "no fui yo", "codigo perdido"), "ar": ("لست انا", "ضاع الرمز", "الرمز ضاع")},
    Command.CALL: {"en": ("call me", "call back"), "fr": ("rappelez moi", "appelez moi"), "es": ("me llaman",),
                   "ar": ("اتصلوا بي", "اتصل بي")},
    Command.WRONG: {"en": ("wrong number", "wrong phone", "wrong person"),
                    "fr": ("mauvais numero", "faux numero", "erreur de numero"),
                    "es": ("numero equivocado",), "ar": ("رقم خطا", "الرقم خطا", "رقم غلط", "الرقم غلط")},
}  # fmt: skip
"""What a whole message may say instead. They come before single words: `code lost` asks for no new code."""

FILLERS: frozenset[str] = frozenset(
    word
    for words in (
        "please pls plz thanks thank you sir madam my the hello hi",
        "svp stp merci bonjour salut mon ma mes le la les du",
        "por favor gracias hola mi mis el",
        "شكرا فضلك من سلام السلام عليكم مرحبا",
    )
    for word in words.split()
)
"""Politeness, which changes no command."""

LANGUAGE_NAMES: Mapping[str, str] = {
    "en": "en eng english anglais ingles inglesa انجليزي انجليزية انكليزي انكليزية",
    "fr": "fr fra french francais frances فرنسي فرنسية",
    "es": "es esp spanish espagnol espanol castellano اسباني اسبانية",
    "ar": "ar ara arabic arabe arabi عربي عربية",
}

EXACT: frozenset[Command] = frozenset(
    {Command.STOP, Command.START, Command.LOST, Command.WRONG, Command.YES}
)
"""What a slip of the finger must not set off: only the very word counts."""

ALONE: frozenset[Command] = frozenset({Command.STOP, Command.START, Command.WRONG, Command.YES})
"""What is meant only where nothing else is said: `stop taking my money` is no wish for silence."""

TAKES_WORDS: frozenset[Command] = frozenset({Command.COMPLAIN, Command.PROBLEM})
"""What anything may follow, in the person's own words. A word for LOST too; its digit not: `5 days` is no loss."""

ALARMS: Mapping[str, str] = {
    # What somebody says of abuse by whoever has power over them. A word too many costs a reading; one too few, a person.
    "en": "sex sexual touch touched rape raped harass harassed harassment threat threaten threatened bribe bribed abuse"
          " abused beat beaten hit violence gun knife blackmail",
    "fr": "sexe sexuel sexuelle touchee attouchement viol violee violer harcele harcelement menace menacee menacer"
          " corruption abus abuse frappe frappee battu battue violence chantage",
    "es": "sexo sexual toco tocar violo violada violacion acoso acosa amenaza amenazo amenazada soborno abuso abusa"
          " golpeo golpe violencia chantaje",
    "ar": "جنس جنسي جنسية لمسني لمس اغتصب اغتصاب تحرش يتحرش تهديد هددني يهدد رشوة اعتداء ضربني ضرب عنف ابتزاز",
}  # fmt: skip
