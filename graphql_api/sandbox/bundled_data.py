"""The bundled data: three releases made from a folder of TOML files.

UUIDs and codes are deterministic, and a concept has the same ones in all releases unless its file says otherwise.
"""

import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from graphql_api.competent.declarations import Concepts, ConceptType, Field, Plain, Terms, concept_type
from graphql_api.sandbox.dataset import (
    COMPETENCE,
    COMPETENCE_SET,
    LANGUAGES,
    PROFILE,
    AlternativeName,
    Classification,
    Concept,
    Dataset,
    Item,
    Profile,
    Term,
    Texts,
    main_text,
    relations,
    texts,
)
from graphql_api.sandbox.toml_tables import RELEASES, SMALL, TYPES, TomlTable, Values, as_of, key_of, read_tables

DATA = Path(__file__).parent / "data"
"""The folder of the bundled data in the package."""
SOURCE = "sandbox data, not VDAB's"

_NAMESPACE = uuid.UUID("b4a1c3f6-52d7-4c0e-9a7e-6d1f0c2e8b35")


@cache
def bundled_datasets(folder: Path = DATA) -> tuple[Dataset, ...]:
    """The releases in a folder of TOML files, newest first; cached per process.

    Raises:
        BundledDataError: If a file has an error; the message names file and code.
    """
    tables = read_tables(folder)
    identities = _Identities(tables)
    return tuple(_Assembly(number, tables, identities).dataset() for number in RELEASES)


class _Identities:
    """Assigns uuids and codes to blocks and names that have none in the files, consistently over all releases."""

    def __init__(self, tables: Mapping[str, TomlTable]) -> None:
        self._blocks: dict[str, dict[str, tuple[str, str]]] = {}
        self._names: dict[tuple[str, str, str], str] = {}
        inline: dict[str, list[Values]] = {}
        for release in RELEASES:
            for prefix, values in _inline_blocks(tables, release):
                inline.setdefault(prefix, []).append(values)
            for name in _names(tables, release):
                self._names.setdefault(name, f"AN-{len(self._names) + 1}")
        for prefix, blocks in inline.items():
            taken = {*tables, *(values["code"] for values in blocks if "code" in values)}
            self._blocks[prefix] = _numbered(prefix, blocks, taken)

    def block(self, prefix: str, values: Values) -> tuple[str, str]:
        """UUID and code of a block; blocks with the same Dutch text are the same block."""
        return self._blocks[prefix][_text_key(values)]

    def name(self, profile: str, language: str, name: str) -> AlternativeName:
        key = (profile, language, name)
        return AlternativeName(_uuid({}, "|".join(key)), self._names[key], language, name)


def _numbered(prefix: str, blocks: list[Values], taken: set[str]) -> dict[str, tuple[str, str]]:
    """UUID and code by text; blocks without a code get the next free number."""
    identities: dict[str, tuple[str, str]] = {}
    # Blocks with a code come first, so that blocks with the same text and no code get it too.
    for values in sorted(blocks, key=lambda values: "code" not in values):
        identities.setdefault(_text_key(values), (_uuid(values, _text_key(values)), values.get("code", "")))
    numbers = (code for number in range(1, 1_000_000) if (code := f"{prefix}-{number}") not in taken)
    return {key: (id_, code or next(numbers)) for key, (id_, code) in identities.items()}


class _Assembly:
    """Assembles one release from the tables; references to concepts that are not in it are dropped."""

    def __init__(self, number: str, tables: Mapping[str, TomlTable], identities: _Identities) -> None:
        self._number = number
        self._identities = identities
        self._tables = {t.code: (t, values) for t in tables.values() if (values := t.as_of(number)) is not None}
        self._made: dict[str, Concept | Term] = {}
        self._inline: dict[str, tuple[Concept, TomlTable]] = {}

    def dataset(self) -> Dataset:
        profiles = tuple(
            Profile(
                code=concept.code,
                uuid=concept.uuid,
                texts=concept.texts,
                values=concept.values,
                related=concept.related,
            )
            for concept in self._concepts(PROFILE)
        )
        if self._number == SMALL:
            used = {competence.code: competence for profile in profiles for competence in profile.competences}
            competences = tuple(used[code] for code in self._tables if code in used)
        else:
            competences = tuple(self._concepts(COMPETENCE))
        embedded = [concept_type(value.type_name) for _, value in relations(PROFILE)]
        blocks = {type.name: self._blocks(type, profiles) for type in embedded if type != COMPETENCE}
        return Dataset(self._number, RELEASES[self._number], profiles, competences, blocks, SOURCE)

    def _concepts(self, type: ConceptType) -> Iterator[Concept]:
        """The concepts of a type that have a table."""
        codes = [code for code, (table, _) in self._tables.items() if table.prefix == type.code_prefix]
        return (concept for concept in map(self._named, codes) if isinstance(concept, Concept))

    def _blocks(self, type: ConceptType, profiles: tuple[Profile, ...]) -> tuple[Concept, ...]:
        """The blocks of a type: those with a table, and those inline in profiles."""
        fields = [field for field, _ in relations(PROFILE, type.name)]
        embedded = (block for profile in profiles for field in fields for block in profile.concepts(field.name))
        return tuple({block.uuid: block for block in (*self._concepts(type), *embedded)}.values())

    def _named(self, code: str) -> Concept | Term | None:
        """The concept or term with a code; None if it is not in this release."""
        if code not in self._made and code in self._tables:
            table, values = self._tables[code]
            type = TYPES.get(table.prefix)
            self._made[code] = (
                self._concept(type, table, values, code) if type else Term(_uuid(values, code), code, _texts(values))
            )
        return self._made.get(code)

    def _concept(
        self, type: ConceptType, table: TomlTable, values: Values, code: str, identifier: str | None = None
    ) -> Concept:
        texts_: dict[str, Texts] = {}
        plain: dict[str, str | tuple[str, ...] | None] = {}
        related: dict[str, tuple[Concept | Item, ...]] = {}
        for field in type.fields:
            value = values.get(key_of(field.name))
            match field.value:
                case Plain("text"):
                    is_main = type.is_block and field.name == main_text(type)
                    texts_[field.name] = _texts(values if is_main else value or {})
                case Plain("strings"):
                    plain[field.name] = tuple(value or ())
                case Plain("moment" | "code") if field.name != "code":
                    plain[field.name] = value
                case _:
                    related[field.name] = tuple(self._related(field, table, values))
        if type is PROFILE and not plain.get("lastPublished"):
            plain["lastPublished"] = f"{RELEASES[self._number]}T00:00:00Z"
        return Concept(identifier or _uuid(values, code), code, texts_, plain, related)

    def _related(self, field: Field, table: TomlTable, values: Values) -> Iterator[Concept | Item]:
        value = values.get(key_of(field.name), ())
        match field.value:
            case Plain("names"):
                yield from (self._identities.name(table.code, *name) for name in _names_of(field, values))
            case Plain("classifications"):
                yield from (Classification(scheme, code) for scheme, codes in dict(value).items() for code in codes)
            case Concepts() if table.prefix == COMPETENCE_SET.code_prefix:
                competences = map(self._named, values.get("competences", ()))
                yield from (skill for one in competences if isinstance(one, Concept) for skill in one.concepts("skill"))
            case Concepts(type_name, single=single):
                type = concept_type(type_name)
                for reference in [value] if single else value:
                    yield from self._referenced(type, table, values, reference, single)
            case Terms():
                yield from (term for term in map(self._named, value) if term is not None)

    def _referenced(
        self, type: ConceptType, table: TomlTable, owner: Values, reference: str | Values, single: bool
    ) -> Iterator[Concept]:
        """The concept that a code refers to or an inline table defines; none if it is not in this release."""
        if isinstance(reference, str):
            named = self._named(reference)
            if isinstance(named, Concept):
                yield named
            return
        values = as_of(reference, self._number)
        if single and (values is None or "code" not in values):
            raise table.error(f"the inline {type.noun} needs a `code` and must exist in every release of this table")
        if values is not None and single:
            yield self._shared(table, self._concept(type, table, values, values["code"]))
        elif values is not None:
            # In documents only blocks have regions, so the blocks of a competence get its regions.
            regional = {"regions": owner.get("regions", ()), **values}
            identifier, code = self._identities.block(type.code_prefix, regional)
            yield self._shared(table, self._concept(type, table, regional, code, identifier))

    def _shared(self, table: TomlTable, block: Concept) -> Concept:
        """The one block with this code. Raises BundledDataError if two tables define it differently."""
        first, first_table = self._inline.setdefault(block.code, (block, table))
        if first != block:
            text = next(iter(block.texts.values()))[LANGUAGES[0]]
            raise table.error(
                f"{block.code} ({text!r}) differs in table [{first_table.code}]; use another code or the same texts"
            )
        return first


def _inline_blocks(tables: Mapping[str, TomlTable], release: str) -> Iterator[tuple[str, Values]]:
    """Code prefix and values of each block defined inline in a list of another table."""
    for table, values in _in_release(tables, release):
        for field, value in relations(TYPES[table.prefix]):
            references = () if value.single else values.get(key_of(field.name), ())
            for block in (reference for reference in references if isinstance(reference, dict)):
                if (existing := as_of(block, release)) is not None:
                    type = concept_type(value.type_name)
                    if not _text_key(existing):
                        raise table.error(
                            "a text is missing: write it in one language at least, such as nl = '…'", key_of(field.name)
                        )
                    yield type.code_prefix, existing


def _names(tables: Mapping[str, TomlTable], release: str) -> Iterator[tuple[str, str, str]]:
    for table, values in _in_release(tables, release):
        for field in TYPES[table.prefix].fields:
            if field.value == Plain("names"):
                yield from ((table.code, *name) for name in _names_of(field, values))


def _in_release(tables: Mapping[str, TomlTable], release: str) -> Iterator[tuple[TomlTable, Values]]:
    """The tables of concepts in a release, with their values in it."""
    for table in tables.values():
        if table.prefix in TYPES and (values := table.as_of(release)) is not None:
            yield table, values


def _names_of(field: Field, values: Values) -> Iterator[tuple[str, str]]:
    names = values.get(key_of(field.name), {})
    return ((language, name) for language in LANGUAGES for name in names.get(language, ()))


def _texts(values: Values) -> Texts:
    return texts(*(values.get(language) for language in LANGUAGES))


def _text_key(values: Values) -> str:
    return next((values[language].strip() for language in LANGUAGES if language in values), "")


def _uuid(values: Values, name: str) -> str:
    return values.get("uuid") or _uuid_of(values.get("code", name))


@cache
def _uuid_of(name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, name))
