"""A change of a household on its way: who carries it out, who asked for it, how it was confirmed, and what must be said."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.registry.households import recording, rules
from cbi.registry.households.asked import Asked, UnusableChange
from cbi.registry.households.recording import Newcomers, Story, apply


@dataclass(frozen=True, slots=True)
class Going:
    """A change on its way: who carries it out, who asked for it, and how it was confirmed."""

    session: Session
    actor: Actor
    asked: Asked
    asked_by: UUID | None = None
    request_id: int | None = None
    face_to_face: bool = False

    def story(self, **details: object) -> Story:
        """What is kept of it."""
        asked = self.asked
        return Story(
            asked.kind, asked.reason, asked.happened_on, asked.evidence, {**asked.details(), **details},
            self.asked_by, self.request_id,
        )  # fmt: skip

    def apply(
        self, rule: rules.Rule, *more: UUID, new: Newcomers = recording.NOBODY_NEW, touched: tuple[UUID, ...] = ()
    ) -> UUID:  # fmt: skip
        """Change the household, and others with it, by a rule."""
        return apply(
            self.session, self.actor, self.story(), [self.asked.household, *more], rule,
            version=self.asked.version, new=new, touched=touched,
        )  # fmt: skip


def needed(asked: Asked, *names: str) -> None:
    """Raise UnusableChange unless all of these were said."""
    for name in names:
        if getattr(asked, name) in (None, (), {}):
            raise UnusableChange(
                f"A change of the kind {asked.kind} needs: {name.replace('_', ' ')}.", field=name
            )
