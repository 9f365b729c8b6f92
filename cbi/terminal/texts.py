"""Commands about texts: which arrived, and a simulated telephone."""

from typing import Annotated

import typer

from cbi.terminal.office import Json, Office

messages = typer.Typer(help="Texts to recipients.", no_args_is_help=True)


@messages.command("summary")
def summary(office: Office = None, json: Json = False) -> None:
    """How many texts stand where. Example: cbi messages summary"""
    from cbi.messaging import queries
    from cbi.terminal.office import reading
    from cbi.terminal.output import as_json, say

    with reading(office) as session:
        texts = queries.by_state(session)
    if json:
        as_json(texts)
        return
    say(f"{texts.queued} wait, {texts.late} of them for over ten minutes.")
    say(f"{texts.handed_over} are with the gateway, {texts.delivered} arrived.")
    say(f"{texts.undeliverable} could not be delivered, {texts.not_sent} were never sent.")
    say(f"{texts.unknown} may have left or not: nobody sends them again.")
    say(f"{texts.unheard} texts that came in wait to be dealt with.")


@messages.command("trouble")
def trouble(
    office: Office = None,
    most: Annotated[int, typer.Option("--most", help="How many to show, the newest first.")] = 50,
    json: Json = False,
) -> None:
    """The texts that did not arrive, or of which nobody knows. Example: cbi messages trouble"""
    from cbi.messaging import queries
    from cbi.messaging.models import Message
    from cbi.terminal.office import reading
    from cbi.terminal.output import as_json, say

    with reading(office) as session:
        found = session.scalars(
            queries.in_trouble().order_by(Message.created_at.desc(), Message.id).limit(most)
        ).all()
    shown = [
        {"id": text.id, "template": text.template, "payment": text.payment_id, "state": text.state,
         "reason": text.reason, "asked_at": text.created_at}
        for text in found
    ]  # fmt: skip
    if json:
        as_json(shown)
        return
    for line in shown:
        reason = f" ({line['reason']})" if line["reason"] else ""
        say(
            f"{line['asked_at']:%Y-%m-%d %H:%M}  {line['state']}{reason}  {line['template']}  {line['id']}"
        )
    if not shown:
        say("Every text arrived, or is on its way.")


def phone(
    number: Annotated[str, typer.Argument(help="With the country code, such as +213555000111.")],
    words: Annotated[
        str | None, typer.Option("--say", help="Send the office a text from this telephone.")
    ] = None,
    office: Office = None,
    json: Json = False,
) -> None:
    """Read the texts on a simulated telephone, or send one. Example: cbi phone +213555000111 --say STATUS"""
    from rich.markup import escape

    from cbi import offices
    from cbi.messaging import phones
    from cbi.settings import settings
    from cbi.terminal.office import chosen
    from cbi.terminal.output import as_json, say

    if words is not None:
        offices.transact(chosen(office), lambda session: phones.say(session, number, words))
        say("Sent.")
        return
    texts = phones.phones(settings()).inbox(number)
    if json:
        as_json([{"at": text.at, "from": text.sender, "body": text.body} for text in texts])
        return
    for text in texts:
        say(escape(f"{text.at:%Y-%m-%d %H:%M} {text.sender}\n  {text.body}"))
    if not texts:
        say("No text on this telephone.")
