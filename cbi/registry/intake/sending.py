"""Households that another program sends: taken in like a list, with each refusal at the place in the request."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.errors import Invalid
from cbi.registry.import_models import ImportKind
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.facts import Outcome
from cbi.registry.intake.importing import NothingUsable, import_parts
from cbi.registry.intake.requests import part_of_request, request_mapping
from cbi.registry.intake.results import ImportResult, RowNote
from cbi.registry.intake.taking import Took


@dataclass(frozen=True, slots=True)
class Pointed:
    """A reason with the JSON pointer (RFC 6901) of what it is about."""

    pointer: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one household of a request."""

    index: int
    source_id: str
    outcome: Outcome
    reasons: tuple[Pointed, ...]
    warnings: tuple[Pointed, ...]


class NoneUsable(Invalid):
    """None of the households of a request can be used; `details.households` says of each why."""

    code = "registry.none_usable"


def send(
    session: Session,
    actor: Actor,
    source: str,
    households: Sequence[Mapping[str, Any]],
    *,
    dry_run: bool = False,
) -> tuple[ImportResult, list[Item]]:
    """Take in households of another program. The same again changes nothing. Raises NoneUsable, NotPermitted."""
    part, pointers = part_of_request(households)
    outcomes: dict[int, Outcome] = {}
    notes: list[RowNote] = []

    def watch(took: Took) -> None:
        outcomes.update(took.outcomes)
        notes.extend(took.notes)

    plain = json.dumps([source, households], sort_keys=True, ensure_ascii=False, default=str)
    try:
        result = import_parts(
            session, actor, [part], request_mapping(source), kind=ImportKind.REQUEST,
            filename="request", digest=hashlib.sha256(plain.encode()).digest(), dry_run=dry_run, watch=watch,
        )  # fmt: skip
    except NothingUsable as refusal:
        items = _items(households, outcomes, notes, pointers)
        raise NoneUsable(
            f"None of the {len(items):,} households can be used, so nothing was kept.",
            next_step=refusal.next_step,
            households=[
                {
                    "index": item.index,
                    "reasons": [
                        {
                            "pointer": each.pointer,
                            **{k: v for k, v in each.reason.as_json().items() if k != "column"},
                        }
                        for each in item.reasons
                    ],
                }
                for item in items
            ],
        ) from refusal
    return result, _items(households, outcomes, notes, pointers)


def _items(
    households: Sequence[Mapping[str, Any]],
    outcomes: Mapping[int, Outcome],
    notes: Sequence[RowNote],
    pointers: Mapping[tuple[str | None, int], str],
) -> list[Item]:
    reasons: dict[int, list[Pointed]] = {}
    warnings: dict[int, list[Pointed]] = {}
    for note in notes:
        pointer = pointers[note.sheet, note.line]
        index = int(pointer.split("/")[2])
        for found, told in ((reasons, note.reasons), (warnings, note.warnings)):
            found.setdefault(index, []).extend(_pointed(pointer, reason) for reason in told)
    return [
        Item(
            index, str(household.get("source_id") or ""), outcomes[index + 1],
            tuple(reasons.get(index, ())), tuple(warnings.get(index, ())),
        )
        for index, household in enumerate(households)
    ]  # fmt: skip


def _pointed(pointer: str, reason: Reason) -> Pointed:
    return Pointed(f"{pointer}/{reason.column}" if reason.column else pointer, reason)
