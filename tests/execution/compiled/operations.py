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
from tests.execution.compiled.argument_values import SampleValues
from tests.execution.compiled.two_servers import ClientRequest

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
    value: Any


class Head(NamedTuple):
    """A field without its selection: the part that must be equal when it is repeated."""

    text: str
    name: str
    field: GraphQLField
    page: float


class Enum(str):
    """The name of an enum value."""


def operations(shapes: "Shapes", samples: SampleValues) -> Any:
    """A Hypothesis strategy for operations; it shrinks failures, but repeats itself."""

    @some.composite
    def argument_text(draw: Any) -> ClientRequest:
        return Writing(lambda most: draw(_UP_TO[most]), shapes, samples).request()

    return argument_text()


def numbered(shapes: "Shapes", samples: SampleValues, number: int) -> ClientRequest:
    """The operation for a number; different numbers rarely give the same one."""
    random = Random(number)
    return Writing(lambda most: random.randint(0, most), shapes, samples).request()


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

    def _possible(self, graphql_type: Any) -> set[str]:
        return (
            {item.name for item in self.schema.get_possible_types(graphql_type)}
            if is_abstract_type(graphql_type)
            else {graphql_type.name}
        )


_UP_TO = [some.integers(0, most) for most in range(200)]


class Writing:
    """Writes one document."""

    def __init__(self, up_to: UpTo, shapes: Shapes, samples: SampleValues) -> None:
        self.up_to = up_to
        self.shapes = shapes
        self.schema = schema = shapes.schema
        self.samples = samples
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
        options = values if isinstance(values, list | tuple) else list(values)
        return options[self.up_to(len(options) - 1)]

    def mostly(self, good: Any, other: Any, percent: int = 88) -> Any:
        good = list(good)
        return self.pick(other) if not good or self.chance(100 - percent) else self.pick(good)

    # Documents

    def request(self) -> ClientRequest:
        names = ["A", "B", "C"][: self.pick((1, 1, 1, 1, 1, 1, 1, 1, 2, 3))]
        texts = [self.operation(name if len(names) > 1 or self.chance(50) else "") for name in names]
        fragments = [
            f"fragment {name} on {graphql_type} {text}" for name, (graphql_type, text, _) in self.fragments.items()
        ]
        definitions = [*texts, *fragments]
        if self.chance(30):
            definitions.reverse()
        values = {name: item.value for name, item in self.variables.items() if item.value is not Undefined}
        if self.chance(4):
            values["unused"] = self.pick(RUBBISH)
        return ClientRequest(
            "\n".join(definitions),
            values if values or self.chance(20) else None,
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
        selections = [self.one(parent, depth, room, page, heads) for _ in range(count)]
        if heads and self.left > 0 and self.chance(15):  # repeats a field, which merges
            selections.append(self.completed(self.pick(heads), depth, room))
        return "{ " + " ".join(selections) + " }"

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
        graphql_type = get_named_type(head.field.type)
        text = head.text + self.directives()
        if is_leaf_type(graphql_type):
            return text
        assert is_composite_type(graphql_type)
        return f"{text} {self.selection(graphql_type, depth + 1, room, head.page)}"  # type: ignore[arg-type]

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

    def key(self, name: str, arguments: str, graphql_type: str) -> str:
        """A field as it is selected: `name`, or `alias: name`."""
        meant = (name, arguments, graphql_type)
        response_key = self.pick(ALIASES) if self.chance(15) else name
        candidates = [response_key, name, *(f"{name}{number}" for number in range(2, 200))]
        key = next(candidate for candidate in candidates if self.keys.setdefault(candidate, meant) == meant)
        return name if key == name else f"{key}: {name}"

    def fragment(self, parent: Composite, depth: int, room: float, page: float) -> str:
        on = self.pick(self.shapes.overlapping[parent.name])
        fitting = [
            name
            for name, (graphql_type, _, _) in self.fragments.items()
            if graphql_type in self.shapes.overlapping[parent.name]
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

    def condition(self, included: bool) -> str:
        value = included if self.chance(60) else not included
        graphql_type = GraphQLNonNull(self.schema.type_map["Boolean"])  # type: ignore[arg-type]
        return self.argument_text(graphql_type, value, False, variables=70)

    # Arguments

    def arguments(self, name: str, field: GraphQLField, first: int) -> str:
        texts = {}
        names = self.argument_names(name, field)
        for argument in field.args:
            if argument in names:
                declared = field.args[argument]
                value = self.argument(name, argument, declared.type, str(get_named_type(field.type)), first)
                texts[argument] = self.argument_text(declared.type, value, declared.default_value is not Undefined)
        parts = [f"{argument}: {text}" for argument, text in texts.items()]
        if self.chance(10):
            parts.reverse()
        return f"({', '.join(parts)})" if parts else ""

    def argument_names(self, name: str, field: GraphQLField) -> set[str]:
        args = field.args
        names = {
            item
            for item, argument in args.items()
            if is_non_null_type(argument.type) and argument.default_value is Undefined
        }
        if "uuid" in args:
            names |= set(self.mostly((("uuid",), ("code",)), ((), ("uuid", "code")), 95))
        if "first" in args:
            names |= set(self.pick((("first",), ("first",), (), ("last",) if "last" in args else ("first",))))
            names |= {"first"} if "last" in args and self.chance(3) else set()
        with_cursors = 25 if self.samples.cursors.get(name) else 9
        for item in ("after", "before"):
            names |= {item} if item in args and self.chance(with_cursors) else set()
        shares = {"release": 15, "number": 60}
        rest = args.keys() - {"uuid", "code", "first", "last", "after", "before"} - names
        return names | {item for item in args if item in rest and self.chance(shares.get(item, 30))}

    def argument(self, field: str, name: str, graphql_type: Any, of: str, first: int) -> Any:
        """A value for an argument; sometimes null if the type allows it."""
        if not is_non_null_type(graphql_type) and self.chance(4):
            return None
        named = get_named_type(graphql_type)
        if is_list_type(get_nullable_type(graphql_type)) and named.name == "ConceptRef":
            return [self.ref(name) for _ in range(self.pick((1, 1, 2, 0, 3, 6)))]
        if named.name == "ConceptRef":
            return self.ref(name)
        if isinstance(named, GraphQLInputObjectType):
            return self.object(named)
        if is_list_type(get_nullable_type(graphql_type)):
            most = 4 if name != "ids" else 6
            return [self.value(field, name, named, of, first) for _ in range(self.pick((1, 1, 2, 0, 3, most)))]
        return self.value(field, name, named, of, first)

    def object(self, graphql_type: GraphQLInputObjectType) -> dict[str, Any]:
        required = {
            name
            for name, item in graphql_type.fields.items()
            if is_non_null_type(item.type) and item.default_value is Undefined
        }
        names = required | {name for name in graphql_type.fields if self.chance(30)}
        return {
            name: self.argument(graphql_type.name, name, item.type, "", 0)
            for name, item in graphql_type.fields.items()
            if name in names
        }

    def ref(self, argument: str) -> dict[str, Any]:
        """A reference to a concept, mostly of a type that the argument takes."""
        samples = self.samples
        types = {"from": ("OccupationalProfile",), "to": ("OccupationalProfile",), "have": BLOCKS, "uses": BLOCKS}.get(
            argument
        )
        graphql_type = self.pick(types or (*BLOCKS, "OccupationalProfile"))
        return self.pick(
            (
                {
                    "id": self.mostly(
                        samples.ids[graphql_type], (NO_ID, "x", *samples.ids["Release"], *samples.any_ids()), 93
                    )
                },
                {"uuid": self.mostly(samples.uuids[graphql_type], (UNKNOWN, *samples.uuids["Skill"]), 93)},
                {"code": self.mostly(samples.codes[graphql_type], ("XX-0", "", *samples.codes["Skill"]), 93)},
            )
        )

    def value(self, field: str, name: str, graphql_type: Any, of: str, first: int) -> Any:
        samples = self.samples
        if isinstance(graphql_type, GraphQLEnumType):
            return Enum(self.pick(graphql_type.values))
        if graphql_type.name == "Boolean":
            return self.chance(50)
        if name in ("first", "last"):
            return self.mostly((max(first, 1),), (0, 1, -1, 501, 7), 92)
        if name == "uuid":
            return self.mostly(
                samples.uuids[of], (UNKNOWN, samples.uuids["Skill"][0], samples.uuids["SoftSkill"][0].upper(), "x")
            )
        if name == "code":
            codes = samples.codes[of]
            return self.mostly(codes, ("XX-0", f" {codes[0].lower()} " if codes else "", ""))
        if name in ("id", "ids"):
            return self.mostly(
                samples.any_ids(), (NO_ID, "x", samples.ids["Skill"][0] + "=", samples.ids["Release"][0][:-2])
            )
        if name in ("after", "before"):
            return self.mostly(samples.cursors.get(field, ()), ("x", "", samples.cursors["skills"][0]), 93)
        if name in ("release", "number", "since"):
            return self.mostly(("3.11", "3.10", "current"), ("9.9", "../x", ""), 93)
        if name == "changedSince":
            return self.mostly(("2020-01-01", "2026-01-01"), ("x", "2020-02-30"))
        texts = {
            "sectors": samples.sectors,
            "areasOfInterest": samples.areas,
            "iscoPrefix": samples.isco,
            "broader": samples.isco,
        }
        return self.mostly(texts.get(name, samples.words), ("xyzzy", "", "\u0000", 'a"b\\', "é ﬁ 🎉"), 94)

    # Values as literals or variables

    def argument_text(self, graphql_type: Any, value: Any, has_default: bool, variables: int = 35) -> str:
        """A literal, or a variable with this value."""
        if self.chance(variables):
            return self.variable(graphql_type, value, has_default)
        return self.literal(graphql_type, value)

    def literal(self, graphql_type: Any, value: Any) -> str:
        graphql_type = get_nullable_type(graphql_type)
        if value is None:
            return "null"
        if isinstance(graphql_type, GraphQLList):
            if len(value) == 1 and value[0] is not None and self.chance(30):
                return self.literal(graphql_type.of_type, value[0])
            return "[" + ", ".join(self.argument_text(graphql_type.of_type, item, False, 12) for item in value) + "]"
        if isinstance(graphql_type, GraphQLInputObjectType):
            fields = graphql_type.fields
            parts = (
                f"{name}: {self.argument_text(fields[name].type, item, fields[name].default_value is not Undefined, 20)}"
                for name, item in value.items()
            )
            return "{" + ", ".join(parts) + "}"
        return str(value) if isinstance(value, Enum) else orjson.dumps(value).decode()

    def variable(self, graphql_type: Any, value: Any, has_default: bool) -> str:
        nullable, optional = get_nullable_type(graphql_type), not is_non_null_type(graphql_type) or has_default
        default = "" if value is None else f" = {_constant(nullable, value)}"
        way = self.percent() if self.strange else self.percent() % 72
        if way < 45 or value is None:
            variable = Variable(str(graphql_type), "", self.sent(value))
        elif way < 60:
            variable = Variable(f"{nullable}!", "", self.sent(value))
        elif way < 66:
            variable = Variable(str(nullable), default, Undefined)
        elif way < 72:
            variable = Variable(self.pick((f"{nullable}", f"{nullable}!")), default, self.sent(value))
        elif way < 76:
            variable = Variable(str(nullable), default, None)
        elif way < 84 and optional:
            variable = Variable(str(nullable), "", None)
        elif way < 96 and optional:
            variable = Variable(str(nullable), "", Undefined)
        elif way < 97:
            variable = Variable(str(graphql_type), "", self.pick(RUBBISH))
        elif way < 98 and not optional:
            variable = Variable(f"{nullable}!", "", Undefined)
        else:
            variable = Variable(str(graphql_type), "", self.sent(value))
        same = next(
            (
                name
                for name, item in self.variables.items()
                if item == variable and type(item.value) is type(variable.value)
            ),
            None,
        )
        name = same or f"v{len(self.variables)}"
        self.variables[name] = variable
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


def _constant(graphql_type: Any, value: Any) -> str:
    """A literal without variables."""
    graphql_type = get_nullable_type(graphql_type)
    if value is None:
        return "null"
    if isinstance(graphql_type, GraphQLList):
        return "[" + ", ".join(_constant(graphql_type.of_type, item) for item in value) + "]"
    if isinstance(graphql_type, GraphQLInputObjectType):
        return (
            "{"
            + ", ".join(f"{name}: {_constant(graphql_type.fields[name].type, item)}" for name, item in value.items())
            + "}"
        )
    return str(value) if isinstance(value, Enum) else orjson.dumps(value).decode()
