"""What each job is called on the pages."""

from collections.abc import Mapping

from cbi.access.permissions import Role
from cbi.console.languages import N_

ROLES: Mapping[Role, str] = {
    Role.REGISTRATION_OFFICER: N_("registration officer"),
    Role.PROGRAMME_MANAGER: N_("programme manager"),
    Role.WORK_SUPERVISOR: N_("supervisor of works"),
    Role.CERTIFIER: N_("certifier"),
    Role.AUTHORISER: N_("authoriser"),
    Role.HEAD_OF_FINANCE: N_("head of finance"),
    Role.COUNTRY_DIRECTOR: N_("country director"),
    Role.TREASURER: N_("treasurer"),
    Role.COMPLAINT_HANDLER: N_("complaint handler"),
    Role.PROTECTION_OFFICER: N_("protection officer"),
    Role.LEGAL_OFFICER: N_("legal officer"),
    Role.AUDITOR: N_("auditor"),
    Role.ADMINISTRATOR: N_("administrator"),
    Role.TELLER: N_("teller"),
    Role.TELLER_SUPERVISOR: N_("tellers' supervisor"),
    Role.INTEGRATOR: N_("program"),
}
