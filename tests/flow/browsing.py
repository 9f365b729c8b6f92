"""A browser without a window: it keeps cookies, and fills in the forms that it was shown."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from cbi import offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.console.forms import CAME_FROM, ONCE, TOKEN
from tests.flow.people import event_loop, make_user


def enrolled(username: str) -> UUID:
    """A member of staff with an authenticator."""
    user_id = make_user(username, Role.AUDITOR)
    with offices.transaction("dz") as session:
        totp.enrol(session, user_id)
    return user_id


@dataclass
class Form:
    """A form on a page: where it goes, and what stands in it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Reader(HTMLParser):
    """Finds the forms of a page, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A form begins, or stands one field longer."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag in {"input", "select"} and self.forms and "name" in given:
            self.forms[-1].fields[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        """Words."""
        if data.strip():
            self.words.append(data.strip())


@dataclass
class Browsing:
    """Somebody at a browser: `visitor.get("/sign-in")`, then `visitor.send("/sign-in", username="amina")`."""

    app: FastAPI
    token: str | None = None
    address: str = "http://127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    site: str | None = "same-origin"
    """Where the browser says that a request comes from; None for one that does not say."""
    forms: list[Form] = field(default_factory=list)
    words: str = ""

    def __post_init__(self) -> None:
        if self.token:
            secure = self.address.startswith("https")
            self.cookies["__Host-cbi-session" if secure else "cbi-session"] = self.token

    def get(self, path: str, *, follow: bool = True) -> Response:
        """Open a page, and where it leads."""
        return self._read(self.ask("GET", path), follow=follow)

    def send(self, action: str, *, follow: bool = True, **typed: str) -> Response:
        """Fill in the form on the present page that goes to `action`, and send it."""
        return self._read(
            self.ask("POST", action, data=self.filled(action, **typed)), follow=follow
        )

    def filled(self, action: str, **typed: str) -> dict[str, str]:
        """What would be sent."""
        form = next(each for each in self.forms if each.action == action)
        assert {TOKEN, ONCE, CAME_FROM} <= set(form.fields), f"{action} is not made with kit.form"
        return {**form.fields, **typed}

    def ask(self, method: str, path: str, **options: Any) -> Response:
        """One request, as a browser would send it from a page of ours."""

        async def send() -> Response:
            transport = ASGITransport(self.app, raise_app_exceptions=False)
            async with AsyncClient(transport=transport, base_url=self.address) as client:
                jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
                headers = {"Accept": "text/html", "Accept-Language": "en", **self.headers}
                if self.site:
                    headers["Sec-Fetch-Site"] = self.site
                if jar:
                    headers["Cookie"] = jar
                return await client.request(method, path, headers=headers, **options)

        with event_loop as portal:
            answer: Response = portal.call(send)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def _read(self, answer: Response, *, follow: bool) -> Response:
        if follow and answer.status_code == 303:
            return self.get(answer.headers["location"])
        reader = Reader()
        reader.feed(answer.text)
        self.forms, self.words = reader.forms, " ".join(reader.words)
        return answer
