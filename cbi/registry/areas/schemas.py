"""What the routes for places take and give."""

from pydantic import BaseModel, ConfigDict, Field

from cbi.registry.areas.keeping import Taken
from cbi.registry.areas.matching import Matched, Spelling
from cbi.registry.areas.models import AreaName
from cbi.registry.areas.tree import Place


class AreaOut(BaseModel):
    """An area: its code, what it lies in, how deep (0 at the top), and its names by language."""

    code: str = Field(examples=["DZ3101"])
    parent: str | None = Field(examples=["DZ31"])
    level: int
    names: dict[str, str] = Field(examples=[{"fr": "Oran", "ar": "وهران"}])

    @classmethod
    def of(cls, place: Place) -> "AreaOut":
        """An area as it stands now."""
        return cls(code=place.code, parent=place.parent, level=place.level, names=dict(place.names))


class NameOut(BaseModel):
    """A name that an area has or had."""

    model_config = ConfigDict(from_attributes=True)

    language: str
    name: str


class OneAreaOut(BaseModel):
    """An area with every name that it ever had, the latest first, and what lies directly in it."""

    area: AreaOut
    names: list[NameOut]
    within: list[AreaOut]

    @classmethod
    def of(cls, places: list[Place], names: list[AreaName]) -> "OneAreaOut":
        """An area (the first) with what lies in it."""
        own, *below = places
        return cls(
            area=AreaOut.of(own),
            names=[NameOut.model_validate(each) for each in names],
            within=[AreaOut.of(each) for each in below if each.parent == own.code],
        )


class AreasOut(BaseModel):
    """Areas, each after what it lies in."""

    items: list[AreaOut]


class AreasTaken(BaseModel):
    """What a list of places brought: how many it has, and how many places and names are new."""

    model_config = ConfigDict(from_attributes=True)

    listed: int
    added: int
    named: int
    dry_run: bool

    @classmethod
    def of(cls, taken: Taken) -> "AreasTaken":
        """What came of a list."""
        return cls.model_validate(taken)


class SpellingOut(BaseModel):
    """What stands as the area of some households; `area` is the code that it means, or `why` none is meant."""

    model_config = ConfigDict(from_attributes=True)

    written: str
    households: int
    area: str | None
    why: str


class MatchedOut(BaseModel):
    """How the households stand: in the tree, without an area, with one that was found, with one that was not."""

    standing: int
    without: int
    households_found: int
    households_missing: int
    found: list[SpellingOut]
    missing: list[SpellingOut]
    written: bool

    @classmethod
    def of(cls, matched: Matched) -> "MatchedOut":
        """What came of matching."""

        def shown(spellings: tuple[Spelling, ...]) -> list[SpellingOut]:
            return [SpellingOut.model_validate(each) for each in spellings]

        return cls(
            standing=matched.standing, without=matched.without, written=matched.written,
            households_found=matched.households_found, households_missing=matched.households_missing,
            found=shown(matched.found), missing=shown(matched.missing),
        )  # fmt: skip


class MatchAreas(BaseModel):
    """Whether the codes are written, or what would be is only shown."""

    model_config = ConfigDict(extra="forbid")

    write: bool = False
