"""Every table of an office, gathered from the stages: what migrations build and privileges are granted on."""

from cbi import offices
from cbi.access import models as access
from cbi.audit import models as audit
from cbi.audit import refusal_models, standstill_models
from cbi.db import Base
from cbi.helpline import models as helpline
from cbi.http import models as http
from cbi.ledger import fx_models, request_models
from cbi.ledger import models as ledger
from cbi.messaging import models as messaging
from cbi.payments import models as payments
from cbi.payments.fees import fee_models
from cbi.payments.outcomes import part_models, suspense_models
from cbi.payments.recovery import amount_models, receivable_models
from cbi.payments.runs import funding_models, sheet_models
from cbi.payments.signing import signing_models, waiver_models
from cbi.payments.unpaid import decision_models
from cbi.programmes import household_models, legal_models, top_up_models, value_models, work_models
from cbi.programmes import models as programmes
from cbi.protection import models as protection
from cbi.protection.exporting import models as exports
from cbi.reconciliation import models as reconciliation
from cbi.redemption import models as redemption
from cbi.registry import models as registry
from cbi.registry import view_models
from cbi.registry.areas import models as areas
from cbi.registry.consent import models as consent
from cbi.registry.disclosing import models as disclosures
from cbi.registry.households import models as households
from cbi.registry.intake import models as intake
from cbi.registry.linkage import models as linkage
from cbi.registry.referrals import models as referrals
from cbi.registry.scorecards import models as scorecards

metadata = Base.metadata

__all__ = [
    "access", "amount_models", "areas", "audit", "consent", "decision_models", "disclosures", "exports",
    "fee_models", "funding_models", "fx_models", "helpline", "household_models", "households", "http", "intake",
    "ledger", "legal_models", "linkage", "messaging", "metadata", "offices", "part_models", "payments",
    "programmes", "protection", "receivable_models", "reconciliation", "redemption", "referrals",
    "refusal_models", "registry", "request_models", "scorecards", "sheet_models", "signing_models",
    "standstill_models", "suspense_models", "top_up_models", "value_models", "view_models", "waiver_models", "work_models",
]  # fmt: skip
