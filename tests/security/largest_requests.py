"""Requests at or just above the limits: the most expensive ones to prepare and to execute."""

from collections.abc import Iterator
from uuid import UUID

import orjson

from graphql_api.schema.types.global_id import NodeId
from tests.security.hostile_requests import Hostile, asks, many

INTROSPECTION = (
    "types{name kind description fields{name args{name type{...T}} type{...T}} inputFields{name type{...T}}}"
)
TYPE = "fragment T on __Type{kind name ofType{kind name ofType{kind name ofType{kind name}}}}"


def ids(type_name: str, count: int = 500) -> list[str]:
    """Global ids of concepts that do not exist."""
    return [str(NodeId(type_name, "3.11", UUID(int=number + 1))) for number in range(count)]


def fields(field: str, aliases: int) -> str:
    """A query of one field under several aliases, with a variable `i` for ids."""
    return "query($i:[ID!]!){" + many(f"a#:{field}", aliases) + "}"


def executed() -> Iterator[tuple[str, Hostile]]:
    """Operations that are slow to execute, by name."""
    profiles = {"i": ids("OccupationalProfile")}
    competences = {"i": [{"id": id} for id in ids("TechnicalCompetence")]}
    yield "45 lists of 500 nodes", asks(fields("nodes(ids:$i){id}", 45), "", profiles)
    yield "2 lists of 500 nodes", asks(fields("nodes(ids:$i){id}", 2), "", profiles)
    for aliases in (49, 2):
        query = (
            "query($i:[ConceptRef!]!){" + many("a#:profilesForCompetences(have:$i,first:1){totalCount}", aliases) + "}"
        )
        yield f"{aliases} times profiles for 500 competences", asks(query, "", competences)
    unknown = {"i": [{"id": id} for id in ids("Skill")]}
    query = "query($i:[ConceptRef!]!){" + many('a#:concepts(refs:$i,release:"3.10"){id code}', 15) + "}"
    yield "15 lists of 500 references to another release", asks(query, "", unknown)
    codes = {"i": [{"code": f"SK-{number}"} for number in range(500)]}
    query = "query($i:[ConceptRef!]!){" + many("a#:concepts(refs:$i){id ...on Skill{description{nl}}}", 10) + "}"
    yield "10 lists of 500 codes", asks(query, "", codes)
    history = "replacedBy{concept{id code}}replaces{concept{id}}history{exists changedFields}"
    query = f'a#:behaviouralIndicators(first:500,release:"3.10"){{nodes{{{history}}}}}'
    yield "2 lists of 500 concepts with their history", asks("{" + many(query, 2) + "}", "")
    codes = {"i": [{"code": f"OP-{number}"} for number in range(500)]}
    query = "query($i:[ConceptRef!]!){" + many("a#:latestConcepts(refs:$i){id}", 4) + "}"
    yield "4 lists of 500 codes that no release has", asks(query, "", codes)
    query = 'careerPaths(from:{code:"OP-101"},to:{code:"OP-102"},first:50){effort steps{gap{coverage}}}'
    yield "18 times 50 career paths", asks("{" + many(f"a#:{query}", 18) + "}", "")
    for first in (500, 200):
        query = f"{{skills(first:{first}){{nodes{{usedInOccupationalProfiles(first:30){{nodes{{id code}}}}}}}}}}"
        yield f"{first} skills and their profiles", asks(query, "")
    yield "49 pages of 500 skills", asks("{" + many("a#:skills(first:500){nodes{id code}}", 49) + "}", "")
    yield "5 pages of 500 skills", asks("{" + many("a#:skills(first:500){nodes{id code}}", 5) + "}", "")
    yield (
        "profiles with all their competences",
        asks("{occupationalProfiles(first:500){nodes{essentialCompetences{code skill{description{nl}}}}}}", ""),
    )
    yield "49 introspections", asks("{" + many("a#:__schema{types{fields{name}}}", 49) + "}", "")
    yield "one whole introspection", asks("{__schema{" + INTROSPECTION + "}}" + TYPE, "")
    yield "50 gaps of bad ids", asks("{" + many('a#:competenceGap(from:{id:"x"},to:{id:"y"}){coverage}', 50) + "}", "")
    yield "50 searches", asks("{" + many('a#:search(text:"zorg #"){totalCount}', 50) + "}", "")
    yield (
        "errors in 500 items",
        asks("{skills(first:500){nodes{usedInOccupationalProfiles(first:501){totalCount}}}}", ""),
    )


def prepared() -> Iterator[tuple[str, Hostile]]:
    """Documents that are slow to parse and validate, by name."""
    yield "fields of one name", asks("{release{" + "number " * 1_900 + "}}", "")
    yield "fields that do not exist", asks("{release{" + many("nothing#", 1_900) + "}}", "")
    yield "objects of one name", asks("{release{" + "skills{nodes{id}} " * 120 + "}}", "")
    yield "99 aliases", asks("{release{" + many("a#:skills(first:1){nodes{id code uuid}}", 99) + "}}", "")
    yield (
        "100 fragments",
        asks("{skills{nodes{" + many("...F#", 100) + "}}}" + many("fragment F# on Skill{id code}", 100), ""),
    )
    yield "24,000 tokens", asks("{" + "a " * 24_000 + "}", "")
    yield "24,000 comments", asks("{__typename}" + "#\n" * 24_000, "")
    yield "one long string", asks('{node(id:"' + "x" * 49_000 + '"){id}}', "")
    yield "strings", asks("{" + many('a#:node(id:"x"){id}', 49) + "}", "")
    yield "480 variables", asks("query(" + many("$a#:Int", 480) + "){__typename}", "")
    yield "one list of literals", asks("{nodes(ids:[" + '"x" ' * 490 + "]){id}}", "")
    yield (
        "8,000 values in the variables",
        Hostile(orjson.dumps({"query": fields("nodes(ids:$i){id}", 1), "variables": {"i": [["a"]] * 4_000}}), ""),
    )
