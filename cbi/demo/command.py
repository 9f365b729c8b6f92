"""The command `cbi demo`: one day in a made-up office."""

from typing import Annotated

import typer


def demo(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End when the tables are printed.")
    ] = False,
    households: Annotated[int, typer.Option(min=40, max=50_000, help="How many, made up.")] = 300,
) -> None:
    """Run the whole flow on made-up people, from a spreadsheet to reconciled cash, and then serve it.

    It starts clean each time, in a folder of its own, and never touches another database.

    Example: cbi demo --no-serve
    """
    from cbi.demo import ground
    from cbi.terminal.output import say

    with ground.clean() as folder:
        from cbi.demo.day import run

        town = run(folder, households)
        say(f"\nThe lists, reports and statements of this story are in {folder}.")
        if not no_serve:
            from cbi.demo.serving import serve

            serve(town)
