"""For what somebody's data may be looked at: a closed list, because "other" is what everybody would choose."""

from enum import StrEnum


class Purpose(StrEnum):
    """Why somebody's name, number, document or date of birth is opened."""

    REGISTRATION = "registration"
    CORRECTION = "correction"
    SAME_PERSON = "same_person"
    ASSESSMENT = "assessment"
    DELIVERY = "delivery"
    WORK = "work"
    COMPLAINT = "complaint"
    PROTECTION = "protection"
    OWN_REQUEST = "own_request"
    """The person asked to see or to have what we keep of them."""
    AUDIT = "audit"
