"""What every value of the public calls can do, under the names that the field gives it."""

from __future__ import annotations

import json

__all__ = ["FieldShape", "Json"]

Json = dict[str, object]


class FieldShape:
    """A value with a JSON form."""

    __slots__ = ()

    def to_dict(self) -> Json:
        """Return the value in its JSON form."""
        raise NotImplementedError

    def model_dump(self, *, exclude_none: bool = False) -> Json:
        """Return :meth:`to_dict`, on request without what is None: the name that the ``openai`` package gives it."""
        found = self.to_dict()
        return {name: _without_none(value) for name, value in found.items() if value is not None} if exclude_none else found

    def model_dump_json(self, *, indent: int | None = None, exclude_none: bool = False) -> str:
        """Return the JSON form as text."""
        return json.dumps(self.model_dump(exclude_none=exclude_none), indent=indent, ensure_ascii=False)


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
