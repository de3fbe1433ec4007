"""Compares the keys of a sample with the declared fields, by what the server's reader made of it."""

from collections.abc import Iterator, Sequence
from typing import Any

from graphql_api.cli.doctor.spec.findings import Finding, Severity
from graphql_api.cli.doctor.spec.samples import UNDESCRIBED, Sample
from graphql_api.competent.concept_reader import EMBEDDED, first
from graphql_api.competent.declarations import Concepts, ConceptType, Field, Terms, concept_type
from graphql_api.competent.hal import Document, parts

Pairs = Sequence[tuple[Document, Document]]
"""Samples of one concept, each with the normalised document that the reader made of it."""


def clean(sample: Sample) -> Any:
    """The sample as a document: values that are not described are null."""
    if isinstance(sample, dict):
        return {key: None if value is UNDESCRIBED else clean(value) for key, value in sample.items()}
    return [clean(value) for value in sample if value is not UNDESCRIBED] if isinstance(sample, list) else sample


def concept_findings(path: str, at: str, type: ConceptType, pairs: Pairs, is_whole: bool) -> Iterator[Finding]:
    """The findings in a concept; `is_whole`: no other document completes it."""
    if not any("id" in document for _, document in pairs):
        yield _unread(path, f"{at}id", pairs[0][0].get("id"))
    for field in type.fields:
        yield from _field_findings(path, at, type, field, pairs, is_whole)


def _field_findings(
    path: str, at: str, type: ConceptType, field: Field, pairs: Pairs, is_whole: bool
) -> Iterator[Finding]:
    key = next((key for key in field.hal_keys if _raw(pairs[0][0], key) is not None), field.hal_keys[0])
    raw = _raw(pairs[0][0], key)
    is_flat = isinstance(field.value, Concepts) and field.value.flat_key in pairs[0][0]
    if raw is UNDESCRIBED:
        yield Finding("unknown", "not-described", path, at + key, "its value is not described")
    elif raw is None and not is_flat:
        if is_whole:
            severity: Severity = "breaks" if field.sure == "seen" else "loses"
            yield Finding(severity, "key-gone", path, at + key, f"`{field.name}` of {type.plural} would be empty")
    elif not any(_has_value(document.get(field.name)) for _, document in pairs):
        if isinstance(field.value, Concepts) and (raw_parts := parts(raw)):  # without ids, none is read
            yield _unread(path, f"{at}{key}.id", raw_parts[0].get("id"))
        elif raw is not None:
            yield _unread(path, at + key, raw)
    elif _is_bare(field, raw):
        yield _unread(path, at + key, raw)
    else:
        yield from _parts_findings(path, f"{at}{key}.", field, key, pairs)


def _is_bare(field: Field, raw: Sample) -> bool:
    """Whether concepts are ids alone, and have no documents of their own that would complete them."""
    if raw is None or not isinstance(field.value, Concepts):
        return False
    return concept_type(field.value.type_name).route is None and not parts(raw)


def _parts_findings(path: str, at: str, field: Field, key: str, pairs: Pairs) -> Iterator[Finding]:
    """The findings in the concepts or terms of a field."""
    inner = []
    for raw, document in pairs:
        raw_parts, read = parts(_raw(raw, key)), parts(document.get(field.name))
        if raw_parts and read:
            inner.append((raw_parts[0], read[0]))
    match field.value:
        case Concepts(type_name) if inner:
            type = concept_type(type_name)
            yield from concept_findings(path, at, type, inner, type.route is None)
        case Terms() if inner:
            for name in ("title", "code"):
                if inner[0][0].get(name) is not None and not any(document[name] for _, document in inner):
                    yield _unread(path, at + name, inner[0][0][name])


def _raw(document: Document, key: str) -> Sample:
    return first(document, (key,)) if isinstance(document.get(EMBEDDED), dict) else document.get(key)


def _unread(path: str, key: str, raw: Sample) -> Finding:
    if raw is None:
        return Finding("breaks", "key-gone", path, key, "concepts without it are not read")
    if raw is UNDESCRIBED:
        return Finding("unknown", "not-described", path, key, "its value is not described")
    return Finding("breaks", "key-type", path, key, f"{_noun(raw)} is not read there")


def _noun(value: Sample) -> str:
    match value:
        case bool():
            return "a boolean"
        case int():
            return "a number"
        case str():
            return "a string"
        case list():
            return f"a list of {'lists' if value and isinstance(value[0], list) else 'such values'}"
    return "such an object"


def _has_value(value: object) -> bool:
    match value:
        case dict():
            return any(map(_has_value, value.values()))
        case list():
            return any(map(_has_value, value))
    return value is not None and value != ""
