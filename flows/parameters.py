"""The types of the flows' parameters, as the form of Prefect's pages shows them."""

from typing import Annotated, TypeAlias

from pydantic import Field, WithJsonSchema

from tasks.settings import profile_names

# A choice of those that come with Declaim, or a path.
ProfileName: TypeAlias = Annotated[
    str,
    WithJsonSchema(
        {
            "anyOf": [
                {"title": "One of Declaim's", "type": "string", "enum": profile_names()},
                {"title": "The path of a .toml file", "type": "string"},
            ]
        }
    ),
]
Overrides: TypeAlias = Annotated[tuple[str, ...], WithJsonSchema({"type": "array", "items": {"type": "string"}})]
Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000)]
Seconds: TypeAlias = Annotated[float, Field(ge=0)]
Dollars: TypeAlias = Annotated[float, Field(ge=0)]
