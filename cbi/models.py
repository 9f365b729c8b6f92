"""Every table of an office, gathered from the stages: what migrations build and privileges are granted on."""

from cbi import offices
from cbi.access import models as access
from cbi.audit import models as audit
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
from cbi.programmes import household_models, top_up_models, value_models, work_models
from cbi.programmes import models as programmes
from cbi.reconciliation import models as reconciliation
from cbi.redemption import models as redemption
from cbi.registry import models as registry

metadata = Base.metadata

__all__ = [
    "access", "amount_models", "audit", "decision_models", "fee_models", "funding_models", "fx_models", "helpline",
    "household_models", "http", "ledger", "messaging", "metadata", "offices", "part_models", "payments",
    "programmes", "receivable_models", "reconciliation", "redemption", "registry", "request_models",
    "sheet_models", "signing_models", "suspense_models", "top_up_models", "value_models", "waiver_models",
    "work_models",
]  # fmt: skip
