"""The shapes of fields that several requests share."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

MAX_TEXT = 50_000

Text: TypeAlias = Annotated[str, Meta(max_length=MAX_TEXT)]
Line: TypeAlias = Annotated[str, Meta(max_length=500)]
Word: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100)]
Kind: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z_]{0,31}\Z")]
Language: TypeAlias = Annotated[
    str, Meta(pattern=r"^([a-z]{2}|mixed)\Z", description='Two letters, or "mixed".')
]
Latitude: TypeAlias = Annotated[float, Meta(ge=-90, le=90)]
Longitude: TypeAlias = Annotated[float, Meta(ge=-180, le=180)]
Number: TypeAlias = Annotated[
    str, Meta(pattern=r"^[A-Z]{2,5}-\d{4}-\d{7,12}\Z", description="An appeal's number.")
]
Id: TypeAlias = Annotated[str, Meta(pattern=r"^([0-8]?[0-9]{1,18}|9[01][0-9]{17})\Z")]
"""A number of 63 bits, as near as a pattern says it: no database takes more."""
Tags: TypeAlias = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=20)
]
UploadIds: TypeAlias = Annotated[
    list[Annotated[str, Meta(max_length=20)]],
    Meta(max_length=50, description="Ids that POST uploads gave."),
]
Languages: TypeAlias = Annotated[
    list[Literal["kk", "ru", "en"]],
    Meta(max_length=3, description="What somebody answers in; empty for all."),
]
TeamKey: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}\Z")]
TeamKeys: TypeAlias = Annotated[list[TeamKey], Meta(max_length=100)]
