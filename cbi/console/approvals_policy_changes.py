"""What another approval policy would change, in words: who signs how much, and what the controls let pass."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup, escape

from cbi.console.approvals_words import step_name
from cbi.console.formats import amount
from cbi.console.languages import N_
from cbi.console.visit import Visit
from cbi.console.waivers_words import NAMES
from cbi.money import Money
from cbi.payments.signing.approval_policy import ORDINARY, Band, Policy, Rule, Step
from cbi.payments.signing.control_settings import Bounds, Controls, RateLimit, Setting

Change = tuple[Markup, Markup, Markup]
Key = tuple[tuple[str, ...], tuple[str, ...]]


def changes(visit: Visit, before: Policy | None, after: Policy) -> list[Change]:
    """Each line what it is about, as it is and as it would be; without `before` the ordinary signatures hold now."""
    old = {_key(rule): rule for rule in before.rules} if before else {}
    new = {_key(rule): rule for rule in after.rules}
    found: list[Change] = []
    for key in [*new, *(each for each in old if each not in new)]:
        found += _of_rule(visit, key, old.get(key), new.get(key), before)
    found += _of_controls(visit, before.controls if before else Controls(), after.controls)
    return [each for each in found if each[1] != each[2]]


def _key(rule: Rule) -> Key:
    return rule.currencies, rule.programmes


def _say(visit: Visit, text: str, **values: object) -> Markup:
    """The text in the reader's language, with values that may be markup."""
    return Markup(escape(visit.gettext(text))) % values  # noqa: S704 - escaped in the same breath


def _names(values: Sequence[str]) -> Markup:
    return Markup("<bdi>{}</bdi>").format(", ".join(values))


def _of_rule(
    visit: Visit, key: Key, old: Rule | None, new: Rule | None, before: Policy | None
) -> Iterator[Change]:
    """By the sums at which either version begins to ask for other people."""
    limits = {
        band.up_to for rule in (old, new) if rule for band in rule.bands if band.up_to is not None
    }
    bounds: list[Money | None] = [None, *sorted(limits), None]
    for low, high in pairwise(bounds):
        now = _signatures(visit, ORDINARY) if before is None else _signed(visit, key, old, before, high)  # fmt: skip
        yield (
            _about(visit, key, low, high), now, _signed(visit, key, new, None, high)
        )  # fmt: skip


def _about(visit: Visit, key: Key, low: Money | None, high: Money | None) -> Markup:
    currencies, programmes = key
    whose = (
        _names(programmes)
        if programmes
        else escape(visit.gettext("every programme that has no rule of its own"))
    )
    if low and high:
        between = N_("above %(low)s, up to %(high)s")
        sums = _say(visit, between, low=_money(visit, low), high=_money(visit, high))
    elif high:
        sums = _say(visit, N_("up to %(high)s"), high=_money(visit, high))
    elif low:
        sums = _say(visit, N_("above %(low)s"), low=_money(visit, low))
    else:
        sums = _say(visit, N_("any amount"))
    return Markup("{}, {}: {}").format(_names(currencies), whose, sums)


def _money(visit: Visit, value: Money) -> Markup:
    return amount(value, visit.language)


def _signed(
    visit: Visit, key: Key, rule: Rule | None, policy: Policy | None, high: Money | None
) -> Markup:
    """Who signs sums up to `high` (None: however large) by this rule."""
    if rule is None:
        general = policy is None or any(
            not each.programmes and set(key[0]) & set(each.currencies) for each in policy.rules
        )
        if key[1] and general:
            return _say(visit, N_("no rule of its own: as every other programme"))
        return _say(visit, N_("nobody: such a run cannot be signed"))
    for band in rule.bands:
        if band.up_to is None or (high is not None and band.up_to >= high):
            return _of_band(visit, band)
    return _say(visit, N_("nobody: such a run cannot be signed"))


def _of_band(visit: Visit, band: Band) -> Markup:
    said = _signatures(visit, band.steps)
    if band.household_up_to is None:
        return said
    most = _say(visit, N_("one household up to %(most)s"), most=_money(visit, band.household_up_to))
    return Markup("{}; {}").format(said, most)


def _signatures(visit: Visit, steps: Sequence[Step]) -> Markup:
    count = visit.ngettext("%(num)s signature", "%(num)s signatures", len(steps))
    arrow = Markup(" ← ") if visit.language == "ar" else Markup(" → ")
    names = arrow.join(
        Markup("<bdi>{}</bdi>").format(step_name(visit, step.name)) for step in steps
    )
    return Markup("{}: {}").format(count, names)


def _of_controls(visit: Visit, before: Controls, after: Controls) -> Iterator[Change]:
    settings = [{each.control: each for each in said.blocking} for said in (before, after)]
    for control in dict.fromkeys([*settings[1], *settings[0]]):
        now, then = (_setting(visit, each.get(control)) for each in settings)
        yield escape(visit.gettext(NAMES.get(control, control))), now, then
    bounds = [{_of_bounds(each): each for each in said.amounts} for said in (before, after)]
    for key in dict.fromkeys([*bounds[1], *bounds[0]]):
        what = _say(visit, N_("The smallest and the largest payment: %(which)s"), which=_names(key))
        now, then = (_limits(visit, each.get(key)) for each in bounds)
        yield what, now, then
    rates = [{each.currencies: each for each in said.rates} for said in (before, after)]
    for pair in dict.fromkeys([*rates[1], *rates[0]]):
        which = _names(pair) if pair else _say(visit, N_("any two currencies"))
        what = _say(visit, N_("A rate that is far from the last one: %(which)s"), which=which)
        now, then = (_times(visit, each.get(pair)) for each in rates)
        yield what, now, then


def _setting(visit: Visit, setting: Setting | None) -> Markup:
    if setting is None:
        return _say(visit, N_("as the engine comes"))
    if not setting.blocks:
        return _say(visit, N_("it only warns"))
    if setting.at_most is None:
        return _say(visit, N_("it keeps a run from being signed"))
    return _say(visit, N_("it keeps a run from being signed above %(most)s"), most=setting.at_most)


def _of_bounds(bounds: Bounds) -> tuple[str, ...]:
    return bounds.currency, *bounds.programmes, *bounds.components


def _limits(visit: Visit, bounds: Bounds | None) -> Markup:
    if bounds is None:
        return _say(visit, N_("no limit"))
    said = [
        _say(visit, text, sum=_money(visit, limit))
        for text, limit in ((N_("at least %(sum)s"), bounds.at_least), (N_("at most %(sum)s"), bounds.at_most))
        if limit is not None
    ]  # fmt: skip
    return Markup(", ").join(said)


def _times(visit: Visit, limit: RateLimit | None) -> Markup:
    if limit is None:
        return _say(visit, N_("as the engine comes"))
    return _say(visit, N_("typed again above %(times)s times the last one"), times=limit.at_most)
