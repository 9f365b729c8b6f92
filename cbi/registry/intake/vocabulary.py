"""The words of registration lists in four languages: columns of our template, sexes, languages, yes and no."""

from collections.abc import Iterable, Mapping

from cbi.fsp.messages import DeliveryMechanism
from cbi.registry.models import Sex
from cbi.registry.text import folded


def _by_word(words: Mapping[str, str]) -> dict[str, str]:
    return {folded(word): meaning for meaning, line in words.items() for word in line.split()}


def _set(words: Iterable[str]) -> frozenset[str]:
    return frozenset(map(folded, words))


SEX: Mapping[str, Sex] = {
    word: Sex(meaning)
    for word, meaning in _by_word(
        {
            "female": "f female woman girl w femme féminin féminine fille mujer femenino femenina hembra أنثى امرأة",
            "male": "m male man boy h homme masculin masculine garçon hombre masculino varón ذكر رجل",
            "other": "other x autre otro otra آخر أخرى",
            "unknown": "unknown u inconnu inconnue desconocido desconocida مجهول",
        }
    ).items()
}

LANGUAGES: Mapping[str, str] = _by_word(
    {
        "en": "en eng english anglais inglés الإنجليزية إنجليزي",
        "fr": "fr fra fre french français francés الفرنسية فرنسي",
        "ar": "ar ara arabic arabe árabe العربية عربي عربية",
        "es": "es spa spanish espagnol español الإسبانية إسباني",
    }
)

WAYS: Mapping[str, DeliveryMechanism] = {
    word: DeliveryMechanism(meaning)
    for meaning, words in {
        "cash_over_counter": (
            "cash over counter", "cash", "post", "post office", "espèces", "poste", "bureau de poste", "efectivo",
            "correos", "oficina de correos", "نقدا", "البريد", "مكتب البريد",
        ),
        "mobile_money": (
            "mobile money", "mobile", "wallet", "argent mobile", "porte-monnaie mobile", "dinero móvil",
            "billetera móvil", "محفظة", "محفظة الهاتف", "محفظة إلكترونية",
        ),
        "prepaid_card": ("prepaid card", "card", "carte", "carte prépayée", "tarjeta", "tarjeta prepago", "بطاقة"),
        "bank_transfer": (
            "bank transfer", "bank", "banque", "virement", "virement bancaire", "banco", "transferencia",
            "transferencia bancaria", "بنك", "تحويل بنكي",
        ),
        "direct_delivery": (
            "direct delivery", "home", "à domicile", "remise directe", "a domicilio", "entrega directa", "في المنزل",
        ),
    }.items()
    for word in map(folded, (meaning, *words))
}  # fmt: skip
"""How a recipient asks to be paid."""

YES = _set(["yes", "y", "true", "1", "oui", "o", "vrai", "sí", "s", "verdadero", "نعم", "صحيح"])
NO = _set(["no", "n", "false", "0", "non", "faux", "falso", "لا", "خطأ"])

TEMPLATE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "source_id": (
        "Registration number",
        "Numéro d'enregistrement",
        "Número de registro",
        "رقم التسجيل",
    ),
    "name": ("Name", "Nom", "Nombre", "الاسم"),
    "phone": ("Phone", "Téléphone", "Teléfono", "الهاتف"),
    "language": ("Language", "Langue", "Idioma", "اللغة"),
    "size": ("Household size", "Taille du ménage", "Tamaño del hogar", "عدد أفراد الأسرة"),
    "area": ("Area", "Zone", "Zona", "المنطقة"),
    "sex": ("Sex", "Sexe", "Sexo", "الجنس"),
    "born_on": ("Date of birth", "Date de naissance", "Fecha de nacimiento", "تاريخ الميلاد"),
    "age": ("Age", "Âge", "Edad", "العمر"),
    "document_kind": ("Document type", "Type de document", "Tipo de documento", "نوع الوثيقة"),
    "document": ("Document number", "Numéro de document", "Número de documento", "رقم الوثيقة"),
    "card": ("Card number", "Numéro de carte", "Número de tarjeta", "رقم البطاقة"),
    "word": ("Memorable word", "Mot secret", "Palabra secreta", "الكلمة السرية"),
    "prefers": ("Paid by", "Mode de paiement", "Forma de pago", "طريقة الدفع"),
    "needs": ("Needs", "Besoins", "Necesidades", "الاحتياجات"),
    "band": ("Band", "Niveau", "Nivel", "الفئة"),
    "scorecard": ("Scorecard", "Grille d'évaluation", "Ficha de evaluación", "بطاقة التقييم"),
    "consent": ("Consent", "Consentement", "Consentimiento", "الموافقة"),
    "consent_on": (
        "Consent date",
        "Date du consentement",
        "Fecha del consentimiento",
        "تاريخ الموافقة",
    ),
}
"""Our fields, and their columns in the office's template. The field's own name (`source_id`) will do too."""
