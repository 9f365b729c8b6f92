"""The sheet of a run that was held against a policy in another currency names the rate, its day and its source."""

from datetime import timedelta

from cbi import clock, offices
from cbi.ledger import reference_rates
from cbi.payments.runs import runs
from cbi.payments.signing import policies, recall
from tests.factories import START
from tests.flow.approvals.office import Office

POLICY = """
rules:
  - currency: EUR
    also_for: [DZD]
    bands: [{up_to: "5000.00", steps: [certifier, authoriser]}]
"""


def in_euros(office: Office) -> None:
    """The policy holds."""
    tala, karim = office.people["tala"], office.people["karim"]
    with clock.frozen(START + timedelta(minutes=6)), offices.transaction("dz") as session:
        policies.propose(session, tala.actor, POLICY, office.code("tala"))
        policies.accept(session, karim.actor, 1, office.code("karim"))


def locked_at_a_rate(office: Office) -> None:
    """A rate is confirmed, too, and the run is locked once more."""
    in_euros(office)
    tala, karim = office.people["tala"], office.people["karim"]
    with clock.frozen(START + timedelta(minutes=6)), offices.transaction("dz") as session:
        entered = reference_rates.propose(
            session, tala.actor, "EUR", "DZD", "145.2", "Bank <of> Algeria"
        )
    with clock.frozen(START + timedelta(minutes=7)), offices.transaction("dz") as session:
        reference_rates.confirm(session, karim.actor, entered.id, office.code("karim"))
        recall.send_back(session, office.people["amina"].actor, office.locked, "once more")
        runs.lock(session, office.people["marc"].actor, office.locked)


def test_a_signer_reads_at_which_rate_the_run_was_counted(office: Office) -> None:
    locked_at_a_rate(office)
    for language, words in {
        "en": "Exchange rate:", "fr": "Taux de change", "es": "Tipo de cambio", "ar": "سعر الصرف",
    }.items():  # fmt: skip
        amina = office.at("amina", language)
        page = amina.get(office.path)
        assert words in amina.words
        assert "<bdi>1 EUR = 145.2 DZD</bdi>" in page.text
        assert "Bank &lt;of&gt; Algeria" in page.text
    amina.get("/approval-policy")
    assert "EUR, DZD" in amina.words


def test_without_a_rate_nobody_signs_and_the_page_says_why(office: Office) -> None:
    in_euros(office)
    amina = office.at("amina", "fr")
    amina.get(office.path)
    amina.send(f"{office.path}/sign/certifier", code=office.code("amina"))
    assert "Personne n'a confirmé de taux de change entre DZD et EUR." in amina.words
