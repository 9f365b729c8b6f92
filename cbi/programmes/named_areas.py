"""The areas that a programme file names: each must be one area of the tree of places, where the office has one."""

from sqlalchemy.orm import Session

from cbi.errors import Invalid
from cbi.programmes.definition import Definition
from cbi.registry.areas.queries import tree


class UnclearArea(Invalid):
    """The file names an area that is not in the tree of places, or that several are called."""

    code = "programmes.unclear_area"


def check_areas(session: Session, definition: Definition) -> None:
    """Refuse a file that names an area which nobody lives in, or which is several. Raises UnclearArea."""
    named = definition.areas_that_matter | (definition.criteria.areas or frozenset())
    places = tree(session) if named else None
    for word in sorted(named) if places else ():
        assert places is not None
        meant = places.meant(word)
        if not meant:
            raise UnclearArea(
                f"The file names the area {word!r}, and the tree of places has none of this code or name.",
                next_step="Give its code as it stands in: cbi areas list",
            )
        if len(meant) > 1:
            raise UnclearArea(
                f"The file names the area {word!r}, and several are called so: {places.told(meant)}.",
                next_step="Give the code of the one that is meant; all that lies in it is meant with it.",
            )
