"""How a programme's amounts come from a basket and its prices: worked out, and worked out again from what was kept."""

from pydantic import ValidationError
from sqlalchemy.orm import Session

from cbi.errors import Conflict
from cbi.programmes import baskets, price_rounds, queries, valuing
from cbi.programmes.basket_terms import Basket, digest_of
from cbi.programmes.definition import Definition
from cbi.programmes.fields import Reading
from cbi.programmes.models import Programme
from cbi.programmes.stipend_terms import Basis
from cbi.programmes.value_models import TransferValue
from cbi.programmes.valuing import Prices, Worked


class NoBasis(Conflict):
    """The programme's amounts rest on no basket, or on another."""

    code = "transfer_value.no_basis"


class CannotBePaid(Conflict):
    """The programme's other rules do not allow such amounts."""

    code = "transfer_value.cannot_be_paid"


def basis_of(definition: Definition, basket: str) -> Basis:
    """What the programme says of the basket that it rests on. Raises NoBasis."""
    basis = definition.stipend.basis if definition.stipend else None
    if basis is None or basis.basket != basket:
        raise NoBasis(
            f"The programme {definition.programme.code} does not rest on the basket {basket}.",
            next_step="Name it in the programme file: stipend.basis.basket",
        )
    return basis


def check_currency(basket: Basket, definition: Definition) -> None:
    """Raise NoBasis unless the basket is priced in the programme's currency."""
    if basket.currency != definition.currency:
        raise NoBasis(
            f"The basket is priced in {basket.currency}, and {definition.programme.code} pays in {definition.currency}.",
            next_step="Use a basket in the programme's currency.",
        )


def revalued(definition: Definition, worked: Worked) -> Definition:
    """The same rules with the amounts that were worked out. Raises CannotBePaid."""
    values = definition.canonical()
    for name, amount in (("base", worked.base), ("per_member", worked.per_member)):
        if amount is not None:
            values["stipend"][name] = amount.decimal
    try:
        after = Definition.model_validate(values, context=Reading.of(definition.currency, None))
    except ValidationError as error:
        said = [each.get("ctx", {}) for each in error.errors(include_url=False)]
        what = " ".join(str(each.get("what", "")) for each in said).strip()
        raise _cannot_be_paid(definition, worked, what) from None
    if after.stipend is None or not (after.stipend.base.minor or after.stipend.per_member.minor):
        raise _cannot_be_paid(definition, worked, "They come to nothing.")
    return after


def _cannot_be_paid(definition: Definition, worked: Worked, what: str) -> CannotBePaid:
    return CannotBePaid(
        f"The new amounts do not fit the rules of {definition.programme.code}: {what}",
        next_step="Change those rules in the programme file first.",
        trace=list(worked.trace),
    )


def digest(
    programme: str, before: Definition, basket: Basket, prices: Prices, after: Definition, worked: Worked
) -> bytes:  # fmt: skip
    """SHA-256 of all that a value rests on and of what it comes to."""
    assert after.stipend is not None
    amounts = [after.stipend.base.decimal, after.stipend.per_member.decimal, after.currency]
    return digest_of(
        [
            programme,
            before.digest().hex(),
            basket.digest().hex(),
            prices,
            amounts,
            list(worked.trace),
        ]
    )


def work_out_again(
    session: Session, value: TransferValue, programme: Programme
) -> tuple[Definition, Worked, bytes]:
    """The programme's next version, the calculation and its digest, anew from what was kept. Raises NotPriced,
    CannotBePaid, NoBasis.
    """
    before = queries.definition(session, programme, value.programme_version)
    basket = baskets.find(session, value.basket, value.basket_version)[1]
    prices = price_rounds.prices(session, value.round_id, value.round_version)
    worked = valuing.work_out(
        basket, prices, basis_of(before, value.basket), *before.schedule.length
    )
    after = revalued(before, worked)
    return after, worked, digest(programme.code, before, basket, prices, after, worked)
