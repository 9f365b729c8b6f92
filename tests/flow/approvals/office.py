"""An office for tests of approval, and browsers of the people who work in it."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import FastAPI

from cbi import offices
from cbi.access import tokens
from cbi.demo.staff import Colleague
from tests.flow.browsing import Browsing


@dataclass
class Office:
    """The application, its people, a run that was approved and one that is locked."""

    app: FastAPI
    people: dict[str, Colleague]
    approved: UUID
    locked: UUID

    def at(self, name: str, language: str = "en") -> Browsing:
        """A browser at which this person is signed in."""
        with offices.transaction("dz") as session:
            actor = self.people[name].actor
            assert actor.id
            token = tokens.open_sign_in(session, "user", actor.id)
        return Browsing(self.app, token, headers={"Accept-Language": language})

    def code(self, name: str) -> str:
        """What this person's authenticator shows."""
        return self.people[name].one_time_code()

    @property
    def path(self) -> str:
        """The sheet of the locked run."""
        return f"/approvals/{self.locked}"
