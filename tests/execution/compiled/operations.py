"""Generates operations from the schema: anything that is valid, with argument values that exist and that do not.

Documents are valid by construction: a response name always means the same field with the same arguments, so that fields
merge; fragments are complete before they are spread; variables are used only where their types fit.
"""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import orjson
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from hypothesis import strategies as some

from graphql_api.execution.cost.analyzer import declared_length
from tests.execution.compiled.argument_values import Known
from tests.execution.compiled.two_servers import Asked

DEPTH = 7
FIELDS = 30
"""Number of fields after which selections are as short as possible."""
ROOM = 400.0
"""Approximate maximum number of values in a response."""
ALIASES = ("a", "b", "c", "code", "title", "id", "text", "nodes", "key", "__proto__", "constructor")
LANGUAGES = ("", "nl", "fr", "de, en;q=0.5", "fr-BE,nl;q=0.8", "es", "*", "de;q=0", "en;q=x,fr;q=0.1", ",,;", "EN")
TYPES = ("application/json", "application/graphql-response+json", "*/*")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
NO_ID = "U29mdFNraWxsOjkuOTowMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDA"
"""The id of a soft skill in release 9.9, which does not exist."""
BLOCKS = ("TechnicalCompetence", "Skill", "Knowledge", "SoftSkill", "DigitalSkill", "BehaviouralIndicator")
RUBBISH: tuple[Any, ...] = (None, True, -1, 2**40, 1.5, "x", "", [], [[None]], {}, {"x": 1}, ["NL"], "NL", "3.11")

UpTo = Callable[[int], int]
"""Returns a number from 0 to its argument, both included; the source of all choices."""
Composite = GraphQLObjectType | GraphQLInterfaceType


class Variable(NamedTuple):
    """A variable declaration and the value to send; Undefined if none is sent."""

    type: str
    default: str
    given: Any


class Head(NamedTuple):
    """A field without its selection: the part that must be equal when it is repeated."""

    text: str
    name: str
    field: GraphQLField
    page: float


class Enum(str):
    """The name of an enum value."""


def operations(shapes: "Shapes", known: Known) -> Any:
    """A Hypothesis strategy for operations; it shrinks failures, but repeats itself."""

    @some.composite
    def written(draw: Any) -> Asked:
        return Writing(lambda most: draw(_UP_TO[most]), shapes, known).asked()

    return written()


def numbered(shapes: "Shapes", known: Known, number: int) -> Asked:
    """The operation for a number; different numbers rarely give the same one."""
    random = Random(number)
    return Writing(lambda most: random.randint(0, most), shapes, known).asked()


class Shapes:
    """Types that fragments may have on each type, computed from the schema once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        kinds = [item for item in schema.type_map.values() if is_composite_type(item) and item.name[:2] != "__"]
        self.overlapping = {parent.name: self._overlapping(parent, kinds) for parent in kinds}

    def _overlapping(self, parent: Any, kinds: list[Any]) -> list[Any]:
        """The possible types of a fragment: object types first, the type itself last."""
        mine = self._possible(parent)
        fitting = [item for item in kinds if self._possible(item) & mine and item is not parent]
        return [*sorted(fitting, key=is_abstract_type), parent]

    def _possible(self, kind: Any) -> set[str]:
        return {item.name for item in self.schema.get_possible_types(kind)} if is_abstract_type(kind) else {kind.name}


_UP_TO = [some.integers(0, most) for most in range(200)]


class Writing:
    """Writes one document."""

    def __init__(self, up_to: UpTo, shapes: Shapes, known: Known) -> None:
        self.up_to = up_to
        self.shapes = shapes
        self.schema = schema = shapes.schema
        self.known = known
        self.left = FIELDS
        self.strange = self.chance(20)
        """True if variables may be missing, null or of the wrong type."""
        self.first = ""
        self.keys: dict[str, tuple[str, str, str]] = {}
        self.fragments: dict[str, tuple[Composite, str, frozenset[str]]] = {}
        self.variables: dict[str, Variable] = {}
        self.needs: set[str] = set()
        self.root: GraphQLObjectType = schema.query_type  # type: ignore[assignment]

    # Choices. Failures shrink to the simplest one.

    def percent(self) -> int:
        return (self.up_to(99) + 50) % 100  # Hypothesis prefers the ends of a range

    def chance(self, percent: int) -> bool:
        return (self.up_to(99) - 33) % 100 < percent

    def pick(self, values: Any) -> Any:
        found = values if isinstance(values, list | tuple) else list(values)
        return found[self.up_to(len(found) - 1)]

    def mostly(self, good: Any, other: Any, percent: int = 88) -> Any:
        good = list(good)
        return self.pick(other) if not good or self.chance(100 - percent) else self.pick(good)

    # Documents

    def asked(self) -> Asked:
        names = ["A", "B", "C"][: self.pick((1, 1, 1, 1, 1, 1, 1, 1, 2, 3))]
        texts = [self.operation(name if len(names) > 1 or self.chance(50) else "") for name in names]
        fragments = [f"fragment {name} on {kind} {text}" for name, (kind, text, _) in self.fragments.items()]
        definitions = [*texts, *fragments]
        if self.chance(30):
            definitions.reverse()
        given = {name: item.given for name, item in self.variables.items() if item.given is not Undefined}
        if self.chance(4):
            given["unused"] = self.pick(RUBBISH)
        return Asked(
            "\n".join(definitions),
            given if given or self.chance(20) else None,
            self.operation_name(names),
            self.headers(),
            self.chance(25),
        )

    def operation_name(self, names: list[str]) -> str | None:
        if len(names) > 1:
            return self.mostly(names, [None, "D"], 97)
        return None if "query A" not in self.first or self.chance(80) else self.mostly(["A"], ["D"], 95)

    def headers(self) -> dict[str, str]:
        headers = {"accept": self.pick(TYPES), "accept-language": self.pick(LANGUAGES)}
        if self.chance(10):
            headers["x-competent-explain"] = "1"
        return {name: value for name, value in headers.items() if value}

    def operation(self, name: str) -> str:
        self.needs = set()
        room = ROOM
        selection = self.selection(self.root, 0, room, room)
        declared = ", ".join(
            f"${item}: {self.variables[item].type}{self.variables[item].default}" for item in sorted(self.needs)
        )
        head = f"query {name}".strip() + (f"({declared})" if declared else "")
        text = selection if head == "query" and self.chance(50) else f"{head} {selection}"
        self.first = text
        return text

    # Selections

    def selection(self, parent: Composite, depth: int, room: float, page: float) -> str:
        count = 1 + self.up_to(4 if depth < 4 else 2) if self.left > 0 else 1
        heads: list[Head] = []
        found = [self.one(parent, depth, room, page, heads) for _ in range(count)]
        if heads and self.left > 0 and self.chance(15):  # repeats a field, which merges
            found.append(self.completed(self.pick(heads), depth, room))
        return "{ " + " ".join(found) + " }"

    def one(self, parent: Composite, depth: int, room: float, page: float, heads: list[Head]) -> str:
        self.left -= 1
        way = self.percent()
        if way >= 97:
            return self.key("__typename", "", "String!") + self.directives()
        if way >= (65 if is_abstract_type(parent) else 88) and self.left > 0 and depth < DEPTH + 2:
            return self.fragment(parent, depth, room, page)
        return self.field(parent, depth, room, page, heads)

    def field(self, parent: Composite, depth: int, room: float, page: float, heads: list[Head]) -> str:
        if depth == 0 and self.chance(2):
            return self.pick(('__type(name: "Skill") { name kind }', "__schema { queryType { name } }"))
        fields = dict(parent.fields)
        if depth >= DEPTH or room < 2 or self.left <= 0:
            fields = {name: item for name, item in fields.items() if is_leaf_type(get_named_type(item.type))}
        if not fields:
            return self.key("__typename", "", "String!")
        name = self.pick(fields)
        field = fields[name]
        size, inner = self.size(parent, name, field, room, page)
        arguments = self.arguments(name, field, int(size if "first" in field.args else 0))
        head = Head(self.key(name, arguments, str(field.type)) + arguments, name, field, inner)
        if not is_leaf_type(get_named_type(field.type)):
            heads.append(head)
        return self.completed(head, depth, room / max(size if is_list_type(get_nullable_type(field.type)) else 1, 1))

    def completed(self, head: Head, depth: int, room: float) -> str:
        kind = get_named_type(head.field.type)
        text = head.text + self.directives()
        if is_leaf_type(kind):
            return text
        assert is_composite_type(kind)
        return f"{text} {self.selection(kind, depth + 1, room, head.page)}"  # type: ignore[arg-type]

    def size(self, parent: Composite, name: str, field: GraphQLField, room: float, page: float) -> tuple[float, float]:
        """The number of items that a field returns, and the number in its connection."""
        if "first" in field.args:
            first = min(float(self.pick((1, 2, 3, 5, 20))), max(room / 3, 1))
            return first, first
        if is_list_type(get_nullable_type(field.type)):
            if name in ("nodes", "edges") and parent.name.endswith("Connection"):
                return page, page
            length = declared_length(field)
            return 3 if length is None else length.mean, page
        return 1.0, page

    def key(self, name: str, arguments: str, kind: str) -> str:
        """A field as it is selected: `name`, or `alias: name`."""
        meant = (name, arguments, kind)
        wanted = self.pick(ALIASES) if self.chance(15) else name
        candidates = [wanted, name, *(f"{name}{number}" for number in range(2, 200))]
        key = next(candidate for candidate in candidates if self.keys.setdefault(candidate, meant) == meant)
        return name if key == name else f"{key}: {name}"

    def fragment(self, parent: Composite, depth: int, room: float, page: float) -> str:
        on = self.pick(self.shapes.overlapping[parent.name])
        fitting = [
            name for name, (kind, _, _) in self.fragments.items() if kind in self.shapes.overlapping[parent.name]
        ]
        if fitting and self.chance(35):
            name = self.pick(fitting)
            self.needs |= self.fragments[name][2]
            return f"...{name}{self.directives()}"
        if self.chance(40):
            outer, self.needs = self.needs, set()
            text = self.selection(on, depth, room, page)
            name = f"F{len(self.fragments)}"
            self.fragments[name] = on, text, frozenset(self.needs)
            self.needs |= outer
            return f"...{name}{self.directives()}"
        condition = "" if on is parent and self.chance(50) else f" on {on}"
        return f"...{condition}{self.directives()} {self.selection(on, depth, room, page)}"

    # Directives

    def directives(self) -> str:
        if not self.chance(11):
            return ""
        names = self.pick((["skip"], ["include"], ["include"], ["skip", "include"]))
        return "".join(f" @{name}(if: {self.condition(name == 'include')})" for name in names)

    def condition(self, wanted: bool) -> str:
        value = wanted if self.chance(60) else not wanted
        kind = GraphQLNonNull(self.schema.type_map["Boolean"])  # type: ignore[arg-type]
        return self.written(kind, value, False, variables=70)

    # Arguments

    def arguments(self, name: str, field: GraphQLField, first: int) -> str:
        given = {}
        chosen = self.chosen(name, field)
        for argument in field.args:
            if argument in chosen:
                declared = field.args[argument]
                value = self.argument(name, argument, declared.type, str(get_named_type(field.type)), first)
                given[argument] = self.written(declared.type, value, declared.default_value is not Undefined)
        parts = [f"{argument}: {text}" for argument, text in given.items()]
        if self.chance(10):
            parts.reverse()
        return f"({', '.join(parts)})" if parts else ""

    def chosen(self, name: str, field: GraphQLField) -> set[str]:
        args = field.args
        chosen = {
            item
            for item, argument in args.items()
            if is_non_null_type(argument.type) and argument.default_value is Undefined
        }
        if "uuid" in args:
            chosen |= set(self.mostly((("uuid",), ("code",)), ((), ("uuid", "code")), 95))
        if "first" in args:
            chosen |= set(self.pick((("first",), ("first",), (), ("last",) if "last" in args else ("first",))))
            chosen |= {"first"} if "last" in args and self.chance(3) else set()
        with_cursors = 25 if self.known.cursors.get(name) else 9
        for item in ("after", "before"):
            chosen |= {item} if item in args and self.chance(with_cursors) else set()
        shares = {"release": 15, "number": 60}
        rest = args.keys() - {"uuid", "code", "first", "last", "after", "before"} - chosen
        return chosen | {item for item in args if item in rest and self.chance(shares.get(item, 30))}

    def argument(self, field: str, name: str, kind: Any, of: str, first: int) -> Any:
        """A value for an argument; sometimes null if the type allows it."""
        if not is_non_null_type(kind) and self.chance(4):
            return None
        named = get_named_type(kind)
        if is_list_type(get_nullable_type(kind)) and named.name == "ConceptRef":
            return [self.ref(name) for _ in range(self.pick((1, 1, 2, 0, 3, 6)))]
        if named.name == "ConceptRef":
            return self.ref(name)
        if isinstance(named, GraphQLInputObjectType):
            return self.object(named)
        if is_list_type(get_nullable_type(kind)):
            most = 4 if name != "ids" else 6
            return [self.value(field, name, named, of, first) for _ in range(self.pick((1, 1, 2, 0, 3, most)))]
        return self.value(field, name, named, of, first)

    def object(self, kind: GraphQLInputObjectType) -> dict[str, Any]:
        required = {
            name
            for name, item in kind.fields.items()
            if is_non_null_type(item.type) and item.default_value is Undefined
        }
        chosen = required | {name for name in kind.fields if self.chance(30)}
        return {
            name: self.argument(kind.name, name, item.type, "", 0)
            for name, item in kind.fields.items()
            if name in chosen
        }

    def ref(self, argument: str) -> dict[str, Any]:
        """A reference to a concept, mostly of a type that the argument takes."""
        known = self.known
        types = {"from": ("OccupationalProfile",), "to": ("OccupationalProfile",), "have": BLOCKS, "uses": BLOCKS}.get(
            argument
        )
        kind = self.pick(types or (*BLOCKS, "OccupationalProfile"))
        return self.pick(
            (
                {"id": self.mostly(known.ids[kind], (NO_ID, "x", *known.ids["Release"], *known.any_ids()), 93)},
                {"uuid": self.mostly(known.uuids[kind], (UNKNOWN, *known.uuids["Skill"]), 93)},
                {"code": self.mostly(known.codes[kind], ("XX-0", "", *known.codes["Skill"]), 93)},
            )
        )

    def value(self, field: str, name: str, kind: Any, of: str, first: int) -> Any:
        known = self.known
        if isinstance(kind, GraphQLEnumType):
            return Enum(self.pick(kind.values))
        if kind.name == "Boolean":
            return self.chance(50)
        if name in ("first", "last"):
            return self.mostly((max(first, 1),), (0, 1, -1, 501, 7), 92)
        if name == "uuid":
            return self.mostly(
                known.uuids[of], (UNKNOWN, known.uuids["Skill"][0], known.uuids["SoftSkill"][0].upper(), "x")
            )
        if name == "code":
            codes = known.codes[of]
            return self.mostly(codes, ("XX-0", f" {codes[0].lower()} " if codes else "", ""))
        if name in ("id", "ids"):
            return self.mostly(known.any_ids(), (NO_ID, "x", known.ids["Skill"][0] + "=", known.ids["Release"][0][:-2]))
        if name in ("after", "before"):
            return self.mostly(known.cursors.get(field, ()), ("x", "", known.cursors["skills"][0]), 93)
        if name in ("release", "number", "since"):
            return self.mostly(("3.11", "3.10", "current"), ("9.9", "../x", ""), 93)
        if name == "changedSince":
            return self.mostly(("2020-01-01", "2026-01-01"), ("x", "2020-02-30"))
        texts = {
            "sectors": known.sectors,
            "areasOfInterest": known.areas,
            "iscoPrefix": known.isco,
            "broader": known.isco,
        }
        return self.mostly(texts.get(name, known.words), ("xyzzy", "", "\u0000", 'a"b\\', "é ﬁ 🎉"), 94)

    # Values as literals or variables

    def written(self, kind: Any, value: Any, has_default: bool, variables: int = 35) -> str:
        """A literal, or a variable with this value."""
        if self.chance(variables):
            return self.variable(kind, value, has_default)
        return self.literal(kind, value)

    def literal(self, kind: Any, value: Any) -> str:
        kind = get_nullable_type(kind)
        if value is None:
            return "null"
        if isinstance(kind, GraphQLList):
            if len(value) == 1 and value[0] is not None and self.chance(30):
                return self.literal(kind.of_type, value[0])
            return "[" + ", ".join(self.written(kind.of_type, item, False, 12) for item in value) + "]"
        if isinstance(kind, GraphQLInputObjectType):
            fields = kind.fields
            parts = (
                f"{name}: {self.written(fields[name].type, item, fields[name].default_value is not Undefined, 20)}"
                for name, item in value.items()
            )
            return "{" + ", ".join(parts) + "}"
        return str(value) if isinstance(value, Enum) else orjson.dumps(value).decode()

    def variable(self, kind: Any, value: Any, has_default: bool) -> str:
        nullable, optional = get_nullable_type(kind), not is_non_null_type(kind) or has_default
        default = "" if value is None else f" = {_constant(nullable, value)}"
        way = self.percent() if self.strange else self.percent() % 72
        if way < 45 or value is None:
            found = Variable(str(kind), "", self.sent(value))
        elif way < 60:
            found = Variable(f"{nullable}!", "", self.sent(value))
        elif way < 66:
            found = Variable(str(nullable), default, Undefined)
        elif way < 72:
            found = Variable(self.pick((f"{nullable}", f"{nullable}!")), default, self.sent(value))
        elif way < 76:
            found = Variable(str(nullable), default, None)
        elif way < 84 and optional:
            found = Variable(str(nullable), "", None)
        elif way < 96 and optional:
            found = Variable(str(nullable), "", Undefined)
        elif way < 97:
            found = Variable(str(kind), "", self.pick(RUBBISH))
        elif way < 98 and not optional:
            found = Variable(f"{nullable}!", "", Undefined)
        else:
            found = Variable(str(kind), "", self.sent(value))
        same = next(
            (name for name, item in self.variables.items() if item == found and type(item.given) is type(found.given)),
            None,
        )
        name = same or f"v{len(self.variables)}"
        self.variables[name] = found
        self.needs.add(name)
        return f"${name}"

    def sent(self, value: Any) -> Any:
        """A value as JSON; a list of one item may be sent without the list."""
        if isinstance(value, list):
            items = [self.sent(item) for item in value]
            return items[0] if len(items) == 1 and items[0] is not None and self.chance(30) else items
        if isinstance(value, dict):
            return {name: self.sent(item) for name, item in value.items()}
        return str(value) if isinstance(value, Enum) else value


def _constant(kind: Any, value: Any) -> str:
    """A literal without variables."""
    kind = get_nullable_type(kind)
    if value is None:
        return "null"
    if isinstance(kind, GraphQLList):
        return "[" + ", ".join(_constant(kind.of_type, item) for item in value) + "]"
    if isinstance(kind, GraphQLInputObjectType):
        return (
            "{" + ", ".join(f"{name}: {_constant(kind.fields[name].type, item)}" for name, item in value.items()) + "}"
        )
    return str(value) if isinstance(value, Enum) else orjson.dumps(value).decode()
