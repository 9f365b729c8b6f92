"""One request of somebody at a browser: who they are, which language they read, and the pages they are shown."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.console import cookies, forms, languages
from cbi.console.menu import Entry as Entry
from cbi.console.menu import Shelf, arranged
from cbi.console.refusals import Told, tell
from cbi.console.templating import environment
from cbi.http.problems import Problem, answer_for
from cbi.offices import Office
from cbi.registry.areas.queries import tree
from cbi.settings import settings


@dataclass(frozen=True, slots=True)
class Held:
    """A sign-in that is valid now."""

    actor: Actor
    office: Office
    token: str = field(repr=False)
    must_enrol: bool = False
    """A member of staff without an authenticator: nothing else is done before there is one."""


class SeeOther(Response):
    """After a form: look at this page next. Its body is what is kept of it, so that it can be given again."""

    def __init__(self, to: str, said: str | None = None) -> None:
        body = json.dumps({"to": to, "said": said})
        super().__init__(body, status_code=303, media_type="application/json")
        self.said = said
        self.headers["Location"] = to

    @classmethod
    def again(cls, kept: Response) -> "SeeOther":
        """The same answer, from what was kept of it."""
        found = json.loads(bytes(kept.body))
        return cls(found["to"], found["said"])


class Visit:
    """What an endpoint of the pages works with: `visit.show(template, …)`, `visit.go(path)`, `visit.gettext(text)`."""

    def __init__(self, request: Request, held: Held | None, office: Office | None) -> None:
        self.request = request
        self.actor = held.actor if held else None
        self.token = held.token if held else None
        self.office = held.office if held else office
        self.came_from: str | None = None
        self.form_key = ""
        """The key of the form that was sent, where nobody is signed in who could be told its first answer again."""
        preferred: Sequence[str] = self.office.languages if self.office else ()
        accepted = request.headers.get("accept-language", "")
        self.language = languages.choose(cookies.language_of(request), accepted, preferred)
        self._texts = languages.texts(self.language)

    # What templates ask.

    @property
    def is_demo(self) -> bool:
        """Whether everybody here is made up, which every page says."""
        return settings().demo or (self.office is not None and self.office.is_demo)

    @property
    def here(self) -> str:
        """This page, for coming back to it; after a form, the page that it stood on."""
        if self.request.method not in {"GET", "HEAD"}:
            return self.came_from or "/"
        query = self.request.url.query
        return forms.local(self.request.url.path + (f"?{query}" if query else "")) or "/"

    @property
    def menu(self) -> list[Shelf]:
        """The entries that this visitor may use, those that belong together on one shelf."""
        entries: Sequence[Entry] = self.request.app.state.console_menu
        return arranged([entry for entry in entries if self.may(entry.permission)])

    @property
    def waived(self) -> Sequence[object]:
        """The open waivers of controls where the visitor works, in their words: what stands on top of every report."""
        return cast(Sequence[object], self.request.app.state.console_waived(self))

    def may(self, permission: Permission | None) -> bool:
        """Whether the visitor holds the permission somewhere: for showing a link or a button, never for deciding."""
        if self.actor is None:
            return False
        return permission is None or self.actor.may_somewhere(permission)

    def is_at(self, path: str) -> bool:
        """Whether this page is the one at `path`, or below it."""
        here = self.request.url.path
        return here == path or here.startswith(f"{path}/")

    def is_on(self, shelf: Shelf) -> bool:
        """Whether this page belongs to one of the entries of the shelf."""
        return any(self.is_at(entry.path) for entry in shelf.entries)

    def place(self, area: str | None) -> str:
        """An area as the visitor calls it, with its code behind it; what was written, where the tree has no such area."""
        session = getattr(self.request.state, "session", None)
        found = tree(session).places.get(area) if area and session is not None else None
        if found is None:
            return area or "–"
        preferred: Sequence[str] = self.office.languages if self.office else ()
        name = found.name(self.language, *preferred)
        return name if name == found.code else f"{name} ({found.code})"

    @property
    def form_token(self) -> str:
        """The hidden token of every form on the page."""
        office = self.office.code if self.office and self.token else None
        return forms.token_for(self.request, office, self.token)

    def once(self) -> str:
        """A fresh key for one form."""
        return cookies.fresh()

    # What endpoints call.

    def gettext(self, text: str, **values: object) -> str:
        """The text in the visitor's language, with its values put in."""
        return self._texts.gettext(text) % values if values else self._texts.gettext(text)

    def ngettext(self, one: str, many: str, number: int, **values: object) -> str:
        """The form of the text that the number takes in the visitor's language; `%(num)s` is the number."""
        return self._texts.ngettext(one, many, number) % {"num": number, **values}

    def show(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page. A `refusal` (a CbiError) among the values is shown at its top and gives the page its status."""
        said = cookies.said_to(self.request)
        refusal = values.pop("refusal", None)
        told = self._told(refusal) if refusal is not None else None
        if told is None and "refused" in said:
            told = tell(Problem.model_validate(said["refused"]), self.language)
        elif told is not None and status == 200:
            status = told.status
        nonce = secrets.token_urlsafe(16)
        html = (
            environment(self.language)
            .get_template(template)
            .render(visit=self, refusal=told, notice=said.get("notice"), nonce=nonce, **values)
        )
        response = HTMLResponse(html, status_code=status)
        response.headers["Content-Security-Policy"] = policy(nonce)
        cookies.unsay(self.request, response)
        if self.token is None:
            cookies.keep_visitor(self.request, response)
        return response

    def go(self, path: str, notice: str | None = None) -> Response:
        """Answer a form: look at `path` next, where `notice` (in the visitor's language) is said once."""
        return self._see(path, {"notice": notice} if notice else None)

    def refused(self, error: BaseException) -> Response | None:
        """The answer to a refusal: after a form, back to the page it stood on; else a page of its own.

        None for a failure of ours.
        """
        answer = answer_for(error)
        if answer is None:
            return None
        problem = Problem.model_validate_json(bytes(answer.body))
        if self.came_from:
            return self._see(self.came_from, {"refused": problem.model_dump(mode="json")})
        return self.show("refused.html", status=problem.status, refusal=problem)

    def say_no(self, path: str, problem: Problem) -> Response:
        """Answer a form whose work stands (a counted try) with a refusal, which `path` shows at its top."""
        return self._see(path, {"refused": problem.model_dump(mode="json")})

    def _see(self, path: str, said: Mapping[str, Any] | None) -> Response:
        to = forms.local(path)
        assert to is not None, "pages lead to pages of this site"
        sealed = cookies.sealed(said) if said else None
        return self.given(SeeOther(to, sealed))

    def given(self, answer: Response) -> Response:
        """An answer as it goes out: with the cookie for what is to be said next."""
        if isinstance(answer, SeeOther) and answer.said:
            cookies.say(self.request, answer, answer.said)
        return answer

    def _told(self, refusal: object) -> Told:
        if isinstance(refusal, Problem):
            return tell(refusal, self.language)
        answer = answer_for(cast(BaseException, refusal))
        assert answer is not None
        return tell(Problem.model_validate_json(bytes(answer.body)), self.language)


def policy(nonce: str) -> str:
    """What a page may load: our own style sheets and pictures. No script at all, inline or other; no frames."""
    return (
        "default-src 'none'; "
        f"style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


async def visit_of(request: Request) -> Visit:
    """The visit that the route has opened."""
    return cast(Visit, request.state.visit)


ThisVisit = Annotated[Visit, Depends(visit_of)]
"""`visit: ThisVisit` in an endpoint's signature."""
