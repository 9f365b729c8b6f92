"""What is wrong or weak in a deployment, in words that say what to do: `cbi doctor`."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from cbi import keys, offices
from cbi.audit import standstill, witness
from cbi.db import application_url
from cbi.errors import CbiError, Unavailable
from cbi.fsp.adapter import capabilities
from cbi.messaging.gateways import transport
from cbi.payments.sending import providers
from cbi.payments.signing import policies
from cbi.protection import rotating
from cbi.settings import settings

OLDEST_POSTGRES = 150000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `ok`, `weak` (works, and should not stay so) or `wrong` (does not work)."""

    grade: str
    sentence: str


def examine() -> list[Finding]:
    """Look at the database, the keys, the providers and the offices. Raises nothing: what fails becomes a finding."""
    findings = list(_database())
    findings += _key()
    if all(finding.grade != "wrong" for finding in findings):
        findings += machine()
    if all(finding.grade != "wrong" for finding in findings):
        findings += _providers()
        findings += texts()
        findings += _offices()
        findings += unlimited()
        findings += standing_still()
        findings += wrapping_keys()
        findings += remembering()
    return findings


def _database() -> Iterator[Finding]:
    try:
        engine = create_engine(application_url())
        with engine.connect() as connection:
            version = int(connection.scalar(text("SHOW server_version_num")) or 0)
            unsafe = [
                name
                for name in ("fsync", "full_page_writes", "synchronous_commit")
                if connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) == "off"
            ]
            superuser = connection.scalar(
                text("SELECT usesuper FROM pg_user WHERE usename = current_user")
            )
        engine.dispose()
    except (SQLAlchemyError, CbiError) as error:
        yield Finding(
            "wrong", f"The database cannot be used: {type(error).__name__}. Check CBI_DATABASE_URL."
        )
        return
    if version < OLDEST_POSTGRES:
        yield Finding("wrong", "PostgreSQL is older than 15. Upgrade it.")
    if superuser:
        yield Finding(
            "wrong", "The application signs in as a superuser. Give it a role that owns nothing."
        )
    if unsafe:
        yield Finding(
            "wrong", f"PostgreSQL would lose payments in a power cut: turn on {', '.join(unsafe)}."
        )
    if settings().database_url is None:
        yield Finding(
            "weak",
            "The database is the embedded one: back up the data folder, or set CBI_DATABASE_URL.",
        )
    yield Finding("ok", f"PostgreSQL {version // 10000} answers.")


def machine() -> Iterator[Finding]:
    """Why this machine may do nothing for an office: its clock is wrong, or its program is of another release."""
    for code in offices.office_codes():
        try:
            offices.transact(code, lambda _: None)
        except Unavailable as error:
            yield Finding("wrong", f"Office {code}: {error}")


def _key() -> Iterator[Finding]:
    try:
        keys.keyring("doctor")
    except CbiError as error:
        yield Finding("wrong", str(error))
        return
    path = settings().data_dir / "master.key"
    if settings().master_key is None and settings().master_key_file is None:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        yield Finding(
            "weak",
            f"The master key stands in {path}: keep a copy where the database's backups are not.",
        )
        if mode & 0o077:
            yield Finding("wrong", f"Others can read {path}. Run: chmod 400 {path}")
    yield Finding("ok", "The master key can be used.")


def _providers() -> Iterator[Finding]:
    for name in settings().providers:
        try:
            yield Finding(
                "ok", f"Provider {name}: {', '.join(capabilities(providers.adapter(name)))}."
            )
        except CbiError as error:
            yield Finding("wrong", f"Provider {name}: {error}")


def wrapping_keys() -> Iterator[Finding]:
    """Whether everybody's own key can be opened here, and old wrapping keys are gone."""
    try:
        found = rotating.in_use()
    except CbiError as error:
        yield Finding("wrong", str(error))
        return
    for key in found:
        if key.keys and not key.is_kept:
            yield Finding(
                "wrong",
                f"{key.keys} keys of people's data are under the wrapping key {key.name}, which is not kept here."
                " Bring back the file of wrapping keys; after a backup was read back: cbi keys import.",
            )
    if sum(key.is_kept and bool(key.name) for key in found) > 1:
        yield Finding(
            "weak",
            "Old wrapping keys are still kept, so whom you erased can be read from old backups."
            " A day after the last rotation: cbi keys destroy.",
        )


def remembering() -> Iterator[Finding]:
    """Whether this machine can remember how far it saw each office, where a restore of the database does not reach."""
    folder, data = witness.folder(), settings().data_dir
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not os.access(place, os.W_OK):
        yield Finding(
            "wrong",
            f"Nothing can be written to {folder}, so a database restored from a backup is not noticed here. Make it"
            " writable, or set CBI_WITNESS_DIR.",
        )
    elif data.absolute() in (folder.absolute(), *folder.absolute().parents):
        yield Finding(
            "weak",
            f"{folder} is inside the data folder, and goes back with it when that is restored. Set CBI_WITNESS_DIR.",
        )
    else:
        yield Finding("ok", f"How far each office was seen is remembered in {folder}.")


def unlimited() -> Iterator[Finding]:
    """The programmes of each office of which two ordinary signatures release any amount."""
    for code in offices.office_codes():
        with offices.transaction(code) as session:
            paying = policies.paying_without(session)
        if paying:
            yield Finding(
                "weak",
                f"Office {code}: no approval policy holds, so the ordinary two signatures release any amount of"
                f" {', '.join(paying)}. One person runs cbi approval-policy apply, another accepts it;"
                " see docs/approval-policy.md.",
            )


def standing_still() -> Iterator[Finding]:
    """The offices from which nothing may leave."""
    for code in offices.office_codes():
        with offices.transaction(code) as session:
            still = standstill.now(session)
        if still is not None:
            yield Finding(
                "wrong",
                f"Office {code} stands still: nothing leaves it. See why, and what is missing: cbi standstill show",
            )


def texts() -> Iterator[Finding]:
    """Whether texts leave for people, and whether anything comes back."""
    try:
        with transport(settings(), "doctor") as way_out:
            trouble, simulated = way_out.trouble(), way_out.is_simulated
    except CbiError as error:
        yield Finding("wrong", str(error))
        return
    if simulated:
        yield Finding(
            "wrong" if settings().database_url else "weak",
            "Texts go to the phone simulator, in files, not to people. Set CBI_SMS_TRANSPORT.",
        )
        return
    yield Finding("wrong", trouble) if trouble else Finding("ok", "The SMS gateway answers.")
    if settings().sms_callback_url is None:
        yield Finding(
            "weak",
            "The gateway cannot report which texts arrived. Set CBI_SMS_CALLBACK_URL; see docs/sms.md.",
        )
    if settings().sms_callback_secret is None:
        yield Finding(
            "weak", "Texts that people send are not taken in. Set CBI_SMS_CALLBACK_SECRET."
        )


_SENSITIVE = text("SELECT count(*) FROM complaints WHERE sensitive AND state <> 'closed'")
_NOBODY_HEARS = text(
    "SELECT NOT EXISTS (SELECT 1 FROM role_grants g JOIN users u ON u.id = g.user_id"
    " WHERE g.role = 'protection_officer' AND g.revoked_at IS NULL AND u.disabled_at IS NULL)"
)


def _offices() -> Iterator[Finding]:
    codes = offices.office_codes()
    if not codes:
        yield Finding("weak", "There is no office yet. Make one with: cbi office create")
    for code in codes:
        with offices.transaction(code) as session:
            late = session.scalar(
                text(
                    "SELECT count(*) FROM messages WHERE waiting AND created_at < now() - interval '10 minutes'"
                )
            )
            unsealed = session.scalar(
                text(
                    "SELECT count(*) FROM audit_entries e WHERE at < now() - interval '10 minutes'"
                    " AND NOT EXISTS (SELECT 1 FROM audit_seals s WHERE s.entry_id = e.id)"
                )
            )
            unheard = session.scalar(_SENSITIVE) if session.scalar(_NOBODY_HEARS) else 0
        if unheard:
            yield Finding(
                "wrong",
                f"Office {code}: {unheard} complaints may speak of abuse, and nobody may read them."
                " Give somebody the role protection_officer.",
            )
        if late or unsealed:
            yield Finding(
                "wrong",
                f"Office {code}: {late} texts wait and {unsealed} audit entries are unsealed for over ten minutes."
                " Is a worker running (cbi serve, or cbi worker and cbi scheduler)?",
            )
        else:
            yield Finding("ok", f"Office {code}: background work is up to date.")
