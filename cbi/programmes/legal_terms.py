"""What a programme file says of the legal basis on which people's data is used."""

from cbi.programmes.fields import Explanation, GroundOfUse
from cbi.programmes.terms import Part


class LegalTerms(Part):
    """Why the data may be used: one of a closed list, and words that whoever asks can be told."""

    ground: GroundOfUse
    because: Explanation
