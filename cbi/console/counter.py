"""The counter of a post office: from a code to cash and a receipt, and what its supervisor looks after."""

from cbi.access.permissions import Permission
from cbi.console import (
    counter_cash,
    counter_password,
    counter_paying,
    counter_refusals,
    counter_supervising,
)
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry

router = Pages()
router.routes.extend(counter_paying.router.routes)
router.routes.extend(counter_password.router.routes)
router.routes.extend(counter_supervising.router.routes)
router.routes.extend(counter_cash.router.routes)

MENU = (
    Entry(N_("Counter"), counter_paying.COUNTER, Permission.REDEMPTION_PERFORM),
    Entry(N_("Post offices"), counter_supervising.OFFICES, Permission.COUNTER_MANAGE),
    Entry(N_("Help for a counter"), counter_supervising.HELP, Permission.COUNTER_MANAGE),
)
REFUSALS: Table = counter_refusals.TABLE
