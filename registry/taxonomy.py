"""What config/taxonomy.toml says: categories, departments and districts for a first start."""

import tomllib
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

import config
from registry.deadlines import Unit
from registry.office_shapes import Code, Name, Names, Place


class CategoryKnown(Struct, frozen=True):
    """A category, or a group of them, as the file has it."""

    code: str
    """With its group before a dot, where it is no group itself."""
    names: Names
    term: int | None
    unit: Unit
    department: str
    urgent: bool


class Taxonomy(Struct, frozen=True):
    """All that the file says."""

    categories: tuple[CategoryKnown, ...]
    """Each group before its own."""
    departments: tuple[Place, ...]
    districts: tuple[Place, ...]


class _Named(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    code: Code
    ru: Name
    kk: Name
    en: Name

    def names(self) -> Names:
        return Names(ru=self.ru, kk=self.kk, en=self.en)

    def place(self) -> Place:
        return Place(code=self.code, names=self.names())


class _Category(_Named, frozen=True, kw_only=True):
    term: int
    unit: Unit = Unit.WORKING_DAYS
    department: Code | None = None
    """None for the group's."""
    urgent: bool = False


class _Group(_Named, frozen=True, kw_only=True):
    department: Code
    categories: tuple[_Category, ...]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    departments: tuple[_Named, ...]
    districts: tuple[_Named, ...]
    groups: tuple[_Group, ...]


@cache
def read_taxonomy() -> Taxonomy:
    """The file, read once."""
    path = Path(config.__file__).parent / "taxonomy.toml"
    file = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    categories = []
    for group in file.groups:
        unit = Unit.WORKING_DAYS
        categories.append(
            CategoryKnown(group.code, group.names(), None, unit, group.department, urgent=False)
        )
        categories += [
            CategoryKnown(
                f"{group.code}.{one.code}",
                one.names(),
                one.term,
                one.unit,
                one.department or group.department,
                one.urgent,
            )
            for one in group.categories
        ]
    return Taxonomy(
        tuple(categories),
        tuple(one.place() for one in file.departments),
        tuple(one.place() for one in file.districts),
    )
