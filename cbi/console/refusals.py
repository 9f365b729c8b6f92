"""Refusals in the reader's language: what happened, and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass

from cbi.console.languages import N_, texts
from cbi.http.problems import Problem

Table = Mapping[str, tuple[str, str]]
"""By the code of a refusal: what happened and what to do next, with `%(name)s` for what its details hold."""

_DOOR: Table = {
    "http.not_found": (N_("There is no such page."), N_("Check the address, or begin at the front page.")),
    "http.method_not_allowed": (N_("This page cannot be used in that way."), N_("Begin at the front page.")),
    "http.invalid_request": (N_("Something in the form is missing or cannot be used."), N_("Check each field.")),
    "http.unusable_value": (N_("Something in the form is too long, or is not text."), N_("Check each field.")),
    "http.body_too_large": (N_("What you sent is too large."), N_("Send less at a time.")),
    "http.answer_not_kept": (
        N_("This form was sent twice. It was looked at once."), N_("See below how things stand."),
    ),
    "http.key_reused": (
        N_("This form was sent before, with something else in it. Nothing was done now."),
        N_("Load the page again, and fill the form in again."),
    ),
    "http.unusable_cursor": (N_("This part of the list is no longer there."), N_("Begin at the top of the list.")),
    "http.database_unavailable": (
        N_("The database is full or does not answer. What you asked for may have been done, or not."),
        N_("Do the same again in a few minutes: what was done is not done twice."),
    ),
    "http.database_busy": (
        N_("Somebody else is at work with what this needs. Nothing was changed, and nothing was lost."),
        N_("Do the same again in a minute. If it stays so, tell whoever runs the server."),
    ),
    "office.wrong_clock": (
        N_("The server's clock says %(machine)s, the database's %(database)s (UTC). Nothing was changed."),
        N_("Tell whoever runs the server that a clock is wrong. Then do the same again."),
    ),
    "office.other_release": (
        N_("The program and the office's tables are of different releases. Nothing was changed."),
        N_("Tell whoever runs the server. Do the same again once the upgrade is finished."),
    ),
    "http.unauthenticated": (N_("You are not signed in any more."), N_("Sign in again.")),
    "console.foreign_form": (
        N_("This form is too old, or it did not come from this page. Nothing was done."),
        N_("Load the page again, and fill the form in again."),
    ),
    "console.unknown_asset": (N_("There is no such file."), N_("Load the page again.")),
    "console.too_many_tries": (
        N_("There were too many wrong tries from this place. Nothing is looked at for now."),
        N_("Wait a quarter of an hour."),
    ),
    "console.not_safe_here": (
        N_("This page was opened without protection: a password typed here could be read on the way."),
        N_("Open it with an address that begins with https."),
    ),
    "console.only_for_staff": (
        N_("Only a member of staff has a password and an authenticator here."),
        N_("Ask the supervisor of your office."),
    ),
    "console.passwords_differ": (N_("The two new passwords are not the same."), N_("Type the same one twice.")),
    "access.not_permitted": (
        N_("You do not have the permission %(permission)s."), N_("Ask an administrator for a role that has it."),
    ),
    "access.sign_in_refused": (
        N_("The user name, the password or the one-time code is not right, or signing in is paused."),
        N_("Check what you typed. After 5 wrong tries wait 15 minutes."),
    ),
    "access.code_needed": (
        N_("You also need a one-time code."), N_("Type your password again, and the code that your telephone shows."),
    ),
    "access.wrong_code": (
        N_("This one-time code is not right."), N_("Check the telephone's clock. After 5 wrong tries there is a pause."),
    ),
    "access.code_used": (N_("This code was used already."), N_("Wait for the next one.")),
    "access.codes_paused": (
        N_("Too many wrong tries: no code is looked at for now."),
        N_("Wait 15 minutes. If it was not you, tell an administrator."),
    ),
    "access.not_enrolled": (
        N_("This needs a one-time code, and you have no authenticator registered."),
        N_("Register one under your own name, then try again."),
    ),
    "access.already_enrolled": (
        N_("You have an authenticator already."), N_("If the telephone is lost, an administrator withdraws it first."),
    ),
    "access.not_yet_right": (
        N_("This is not the code that belongs to this secret."),
        N_("Type the six digits that the app shows now, and check the telephone's clock."),
    ),
    "access.proposal_over": (
        N_("This secret is no longer good."), N_("Load the page again and scan the new picture."),
    ),
    "access.set_up_token_refused": (
        N_("This token is not right, was used, or is too old."), N_("Ask whoever runs the server for a new one."),
    ),
    "access.not_the_first": (N_("This office has users already."), N_("Ask its administrator for an account.")),
    "access.unusable_password": (
        N_("This password is too short, too simple, or holds your user name."),
        N_("Use four or more words that do not belong together."),
    ),
    "access.unusable_username": (
        N_("A user name has 3 to 64 small letters, digits, dots, dashes, underscores or @."),
        N_("Use, for example, a name and a surname with a dot between."),
    ),
}  # fmt: skip

_known: dict[str, tuple[str, str]] = dict(_DOOR)


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal as it stands on a page. `language` is the one it is written in, which may be English for want of another."""

    code: str
    status: int
    what: str
    next_step: str
    language: str
    fields: tuple[str, ...] = ()


def learn(table: Table) -> None:
    """Take in the refusals of one part of the pages."""
    _known.update(table)


def known() -> Table:
    """Every refusal that has a text of its own here."""
    return _known


def tell(problem: Problem, language: str) -> Told:
    """The refusal for this reader. In English as it was raised; else by its code, where that has been translated."""
    fields = tuple(each.field.removeprefix("body.") for each in problem.errors or ())
    english = Told(
        problem.code, problem.status, problem.detail or problem.title, problem.next_step or "", "en", fields
    )  # fmt: skip
    if language == "en" or problem.code not in _known:
        return english
    what, next_step = (texts(language).gettext(text) for text in _known[problem.code])
    try:
        values = problem.details or {}
        return Told(
            problem.code, problem.status, what % values, next_step % values, language, fields
        )
    except (KeyError, TypeError, ValueError):
        return english
