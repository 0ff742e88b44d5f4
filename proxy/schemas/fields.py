"""marshmallow fields with the error messages of docs/protocol.md section 9 and a fast check.

Rule: a field gives an error message (``deserialize``) and a predicate (``check()``), and both use the same
conditions. Values are not converted or copied. Null means absent for every field that is not required.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from traceback import clear_frames
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf

from proxy.schemas import wording

Check = Callable[[Any], bool]

_INT64 = 2.0**63


class Wire(fields.Field[Any]):
    """A field that accepts a value if ``kind`` and all its validators accept it."""

    refusal: str = wording.NOT_OBJECT
    json_type: type | None = None
    """The type that ``kind`` tests for, if it tests nothing else."""

    def kind(self, value: Any) -> bool:
        """Whether ``value`` is of the field's own type."""
        return self.json_type is None or type(value) is self.json_type

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("allow_none", not kwargs.get("required", False))
        super().__init__(**kwargs)
        self.error_messages |= {
            "required": wording.REQUIRED,
            "null": self.refusal,
            "invalid": self.refusal,
        }

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not self.kind(value):
            raise self.make_error("invalid")
        return value

    def check(self) -> Check:
        """The predicate for values that are not null."""
        validators = self.validators
        if not validators:
            return self.kind
        if len(validators) == 1 and isinstance(validators[0], OneOf):
            choices = tuple(validators[0].choices)
            return lambda value: type(value) is str and value in choices
        if self.json_type is str and all(type(each) is Length for each in validators):
            return _length_check(validators)
        return self._check_with_validators

    def _check_with_validators(self, value: Any) -> bool:
        if not self.kind(value):
            return False
        try:
            for validator in self.validators:
                validator(value)
        except ValidationError:
            return False
        return True


def _length_check(lengths: Sequence[Any]) -> Check:
    """The predicate for all of ``lengths``; calling the validators themselves took 0.6 us per tool."""
    least = max(each.min or 0 for each in lengths)
    most = min(sys.maxsize if each.max is None else each.max for each in lengths)
    return lambda value: type(value) is str and least <= len(value) <= most


class Text(Wire, fields.String):
    refusal = wording.NOT_TEXT
    json_type = str


class Integer(Wire, fields.Integer):
    refusal = wording.NOT_INTEGER

    def kind(self, value: Any) -> bool:
        """Accepts 5 and 5.0, but neither true nor a float beyond the range of 64-bit integers."""
        if type(value) is float:
            return value.is_integer() and -_INT64 < value < _INT64
        return type(value) is int


class Number(Wire, fields.Float):
    refusal = wording.NOT_NUMBER

    def kind(self, value: Any) -> bool:
        return type(value) is int or type(value) is float


class Flag(Wire, fields.Boolean):
    refusal = wording.NOT_FLAG
    json_type = bool


class Object(Wire, fields.Dict):
    """An object with any members, such as a tool input or a JSON Schema."""

    refusal = wording.NOT_OBJECT
    json_type: type | None = dict


class Choice(Wire):
    """One of a few strings; the error for any other value, of any type, lists them."""

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        self.refusal = wording.one_of(choices)
        super().__init__(validate=OneOf(choices, error=self.refusal), **kwargs)


class WireSchema(Schema):
    """An object with known members; unknown members are accepted."""

    error_messages = {"type": wording.NOT_OBJECT}  # noqa: RUF012

    class Meta:
        unknown = EXCLUDE

    def validate(self, data: Any, *, many: bool | None = None, partial: Any = None) -> Any:
        """The errors of ``data``, as marshmallow's own method finds them.

        That method leaves its error in a reference cycle with ``data``, which may be as large as a
        request.
        """
        try:
            self.load(data, many=many, partial=partial)
        except ValidationError as error:
            clear_frames(error.__traceback__)
            return error.messages
        return {}


def schema_check(schema: Schema, *, tagged: bool = False, without: Collection[str] = ()) -> Check:
    """A predicate with the result of ``schema.validate``, but many times faster.

    ``tagged``: it is only called with objects that have a ``type``. ``without``: members that are not
    checked.
    """
    members = {name: each for name, each in schema.load_fields.items() if name not in without}
    checks = [(each.required, name, *_member_check(each)) for name, each in members.items()]
    required = tuple(check[1:] for check in checks if check[0])
    optional = tuple(check[1:] for check in checks if not check[0])
    # An object with that many members has no optional ones, like most blocks of a history. Skipping the
    # optional ones saves a fifth of the time.
    fewest = len(required) + (tagged and "type" not in members)

    def accepts(value: Any) -> bool:
        if type(value) is not dict:
            return False
        get = value.get
        for name, json_type, check in required:
            member = get(name)
            if type(member) is not json_type and (
                check is None or member is None or not check(member)
            ):
                return False
        if len(value) == fewest:
            return True
        for name, json_type, check in optional:
            member = get(name)
            if (
                member is not None
                and type(member) is not json_type
                and (check is None or not check(member))
            ):
                return False
        return True

    return accepts


def _member_check(field: fields.Field[Any]) -> tuple[type | None, Check | None]:
    """The type that decides alone, or a predicate for values of any type."""
    if not isinstance(field, Wire):
        raise TypeError(f"{field!r} has no fast check")
    if field.json_type is not None and not field.validators:
        return field.json_type, None
    return None, field.check()


class Shape(Wire, fields.Nested):
    """A nested object of one schema."""

    def __init__(self, nested: type[WireSchema], **kwargs: Any) -> None:
        super().__init__(nested=nested, **kwargs)

    def _deserialize(
        self, value: Any, attr: Any, data: Any, partial: Any = None, **kwargs: Any
    ) -> Any:
        if errors := self.schema.validate(value):
            raise ValidationError(errors)
        return value

    def check(self) -> Check:
        return schema_check(self.schema)


class Tagged(Wire):
    """A union of objects distinguished by ``type``; errors name the union member of that ``type``.

    ``tolerant``: objects with an unknown ``type`` are accepted unchanged.
    """

    def __init__(
        self, members: Mapping[str, WireSchema], *, tolerant: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.members = members
        self.tolerant = tolerant

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if type(value) is not dict:
            raise ValidationError(wording.NOT_OBJECT)
        tag = value.get("type")
        if tag is None:
            raise ValidationError(wording.NO_TAG)
        member = self.members.get(tag) if type(tag) is str else None
        if member is not None:
            if errors := member.validate(value):
                raise ValidationError({tag: errors})
        elif not self.tolerant or type(tag) is not str:
            raise ValidationError(wording.unknown_tag(tag, tuple(self.members)))
        return value

    def check(self) -> Check:
        checks = {tag: schema_check(member, tagged=True) for tag, member in self.members.items()}
        tolerant = self.tolerant

        def accepts(value: Any) -> bool:
            if type(value) is not dict:
                return False
            tag = value.get("type")
            if type(tag) is not str:
                return False
            member = checks.get(tag)
            return tolerant if member is None else member(value)

        return accepts


class Items(Wire, fields.List[Any]):
    """A list of one kind of field; the error names only the first invalid item."""

    refusal = wording.NOT_LIST

    def __init__(self, inner: Wire, **kwargs: Any) -> None:
        super().__init__(cls_or_instance=inner, **kwargs)
        inner.allow_none = False  # Null means absent for a member, but an item cannot be absent.
        self.item = inner
        self.accepts_item = inner.check()

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if type(value) is not list:
            raise self.make_error("invalid")
        for index, each in enumerate(value):
            # marshmallow takes a hundred times as long as the check, so it runs only for the first
            # invalid item.
            if not self.accepts_item(each):
                self._raise_error(index, each)
        return value

    def _raise_error(self, index: int, each: Any) -> None:
        try:
            self.item.deserialize(each)
        except ValidationError as error:
            raise ValidationError({index: error.messages}) from None

    def check(self) -> Check:
        accepts_item = self.accepts_item
        if self.validators:
            passes = self._check_with_validators
            return lambda value: (
                type(value) is list and all(map(accepts_item, value)) and passes(value)
            )
        return lambda value: type(value) is list and all(map(accepts_item, value))


class OrItems(Wire):
    """Either one value of ``single`` or a list of ``inner``."""

    def __init__(self, single: Wire, inner: Wire, refusal: str, **kwargs: Any) -> None:
        self.refusal = refusal
        super().__init__(**kwargs)
        self.single = single
        self.items = Items(inner)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if type(value) is list:
            return self.items.deserialize(value)
        try:
            self.single.deserialize(value)
        except ValidationError as error:
            wrong_kind = error.messages == [self.single.refusal]
            raise ValidationError(self.refusal if wrong_kind else error.messages) from None
        return value

    def check(self) -> Check:
        accepts_single, accepts_item = self.single.check(), self.items.accepts_item
        return lambda value: (
            all(map(accepts_item, value)) if type(value) is list else accepts_single(value)
        )
