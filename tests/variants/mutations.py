"""Ways in which the upstream may differ from our assumptions, as data: what differs, how, and which fields are lost.

A mutation only changes responses of the sandbox, so several can be combined.
"""

import re
from collections.abc import Iterable
from typing import Any

from tests.variants.changes import (
    LISTS,
    PLAIN_LISTS,
    bare_text,
    each_document,
    each_embedded,
    each_item,
    each_object,
    each_profile,
    flat,
    items,
    milliseconds,
    number_in,
    numbers,
    only,
    refuse,
    renamed,
    replaced,
    single,
    turned,
    with_nulls,
    with_query,
    without,
)
from tests.variants.mutated_sandbox import Answers, Asks, Document, Mutation, Values, as_it_is

MUTATIONS: list[Mutation] = []

OF_LANGUAGE = ("fr", "en", "de", "text", "translated")
"""Fields that change if texts are in Dutch only."""
MOMENTS = ("lastModified", "lastPublished", "publicationDate")
TEXTS = ("title", "description", "workingContext")
HOLDS = (
    *("essentialCompetences", "specificCompetences", "softSkills", "digitalSkills"),
    *("knowledgeItems", "behaviouralIndicators", "alternativeNames", "codes"),
    *("economicSectors", "areasOfInterest", "proofsOfLearning"),
)
"""Keys of lists in documents."""
NO_CODE = {"profileCode", "competenceCode", "softSkillCode", "unused"}
BY_REF = ("concepts", "competenceGap", "profilesForCompetences", "careerPaths", "latestConcepts")
"""Fields that the examples select with references by code."""


def add(about: str, answers: Answers, **more: Any) -> None:
    loses: Iterable[str] = more.pop("loses", ())
    MUTATIONS.append(Mutation(about, answers, loses=frozenset(loses), **more))


# Routes

add("no list of releases", refuse("/releases"), loses=["releases"])
add("no document of a release", refuse("/releases/[^/]+"))
add("current in no path", refuse("/releases/current(/.*)?"))
add("no list of profiles", refuse(r"/releases/[^/]+/occupationalprofiles(\?.*)?"))
add("no document of a soft skill", refuse("/releases/[^/]+/softskills/[^?]+"))
add("no route for the use of a competence", refuse(r".*/used(\?.*)?"))
add(
    "no link to the use of a competence",
    each_document(lambda d: without("usedInOccupationalProfiles")(d.get("_links", {}))),
)
add("no search", refuse("/search.*"))
add("errors with status 200", lambda path, status, d: (200, {**d, "status": 404}) if status == 404 else (status, d))

# Links and identity


def _links_to(release: str) -> Answers:
    return each_object(replaced(("href",), lambda href: re.sub(r"/releases/[\w.]+", f"/releases/{release}", str(href))))


def _upper(text: Any) -> Any:
    return (
        re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+", lambda result: result[0].upper(), text)
        if isinstance(text, str)
        else text
    )


add("links that say current", _links_to("current"))
add(
    "links below a minor version",
    each_object(replaced(("href",), lambda href: str(href).replace("/v1/", "/v2.1.0/"))),
    paired=False,
)
add("links of another release", _links_to("3.9"))
add(
    "no links in documents and items",
    each_object(lambda d: without("_links")(d) if "id" in d or "number" in d else None),
)
add(
    "no links in lists",
    each_document(lambda d: without("_links")(d) if "_embedded" in d or "page" in d else None),
    paired=False,
)
add("ids and links in upper case", each_object(replaced(("id", "href"), _upper)))

# Lists


def _beside_another(embedded: Document) -> Document:
    return {"warnings": [], **embedded}


def _empty_as(embedded: Any) -> Answers:
    return each_document(lambda d: d.setdefault("_embedded", embedded), LISTS + r"|.*/used(\?.*)?")


add(
    "lists under another name",
    each_document(
        replaced(
            ("_embedded",),
            lambda d: {"content": max(d.values(), key=lambda item: len(item) if isinstance(item, list) else 1)},
        )
    ),
)
add("lists beside an empty list", each_document(replaced(("_embedded",), _beside_another)), paired=False)
add("lists without any name", each_document(replaced(("_embedded",), lambda d: next(iter(d.values())))), paired=False)
add("empty lists that are there", _empty_as({"someList": []}), paired=False)
add("empty lists that are null", _empty_as(None), paired=False)
add("items without codes", each_item(without("code")))
add("items with ids alone", each_item(only("id"), PLAIN_LISTS))
add("items with nulls", each_item(with_nulls("code", "title"), PLAIN_LISTS), paired=False)

# Pages


def _at_paths_of_lists(change: Asks) -> Asks:
    return lambda path: change(path) if re.fullmatch(LISTS, path) else path


def _tells_nothing(document: Document) -> None:
    without("page")(document)
    without("first", "prev", "next", "last")(document.get("_links", {}))


def _embed_unnamed_list(document: Document) -> None:
    result = items(document)
    document["_embedded"] = result[0] if len(result) == 1 else result


def _numbered_from_one(document: Document) -> None:
    if "page" in document:
        document["page"]["number"] = document["page"].get("number", 0) + 1


def _none_before_one(path: str, status: int, document: Document) -> tuple[int, Document]:
    if re.fullmatch(LISTS, path) and number_in(path, "page", 1) < 1:
        return 400, {"status": 400, "error": "Bad Request"}
    return each_document(_numbered_from_one, LISTS)(path, status, document)


def _used_by_pages(path: str, status: int, document: Document) -> tuple[int, Document]:
    if status == 200 and "/used" in path:
        result, size, number = items(document), min(number_in(path, "size", 1), 2), number_in(path, "page", 0)
        document["_embedded"] = {"list": result[number * size : (number + 1) * size]}
        document["page"] = {"size": size, "totalElements": len(result), "number": number}
    return status, document


whole_list = _at_paths_of_lists(lambda path: with_query(path, page=0, size=2000))
from_one = _at_paths_of_lists(lambda path: with_query(path, page=max(number_in(path, "page", 1) - 1, 0)))
by_one = _at_paths_of_lists(lambda path: with_query(path, size=1))
by_two = _at_paths_of_lists(lambda path: with_query(path, size=2))

add("pages described by links alone", each_document(without("page"), LISTS))
add("pages that tell nothing", each_document(_tells_nothing, LISTS))
add("pages without a total", each_document(lambda d: without("totalElements")(d.get("page", {})), LISTS), paired=False)
add("pages of two", as_it_is, asks=by_two)
add(
    "pages of one as single objects",
    each_document(replaced(("_embedded",), lambda lists: {name: single(value) for name, value in lists.items()})),
    asks=by_one,
)
add(
    "pages of one as single objects without any name",
    each_document(_embed_unnamed_list, LISTS),
    asks=by_one,
    paired=False,
)
add("pages from 1", each_document(_numbered_from_one, LISTS), asks=from_one, paired=False)
add("pages from 1 and none at 0", _none_before_one, asks=from_one)
add("pages counted from 1, said to count from 0", as_it_is, asks=from_one, paired=False)
add(
    "the use of a competence by pages",
    _used_by_pages,
    asks=lambda path: path.partition("?")[0] if "/used" in path else path,
)
add("lists whole and without page", each_document(_tells_nothing, LISTS), asks=whole_list)

# What profiles embed


def _bare_ids(profile: Document) -> None:
    for key in ("essentialCompetences", "specificCompetences", "softSkills"):
        if key in profile:
            profile[key] = [item["id"] for item in profile[key]]


def _repeat_items(document: Document) -> None:
    """Repeat the first item at the end, and the last one next to itself, as a database join may do."""
    for key in HOLDS:
        if isinstance(result := document.get(key), list) and result:
            document[key] = [*result, result[-1], result[0]]


LISTED = (*HOLDS, "regions")


add("lists of one as single objects", each_object(replaced(LISTED, single)))
add(
    "links as lists",
    each_object(replaced(("_links",), lambda links: {rel: [None, value] for rel, value in links.items()})),
)
add("skills as lists", each_object(replaced(("skill",), lambda skill: [skill])), paired=False)
add("empty lists as null", each_object(replaced(LISTED, lambda items: items or None)), paired=False)
add("documents of hits as lists", each_item(replaced(("document",), lambda item: [item]), "/search.*"), paired=False)
add("embedded competences without links", each_embedded(without("_links")))
add("embedded competences without knowledge", each_embedded(without("knowledgeItems")), paired=False)
add("embedded competences with ids alone", each_embedded(only("id")))
add("embedded competences with a text instead of a skill", each_embedded(flat), paired=False)
add(
    "embedded competences with nulls",
    each_embedded(with_nulls("code", "skill", "knowledgeItems", "behaviouralIndicators")),
)
add("embedded things as bare ids", each_profile(_bare_ids), paired=False)
add(
    "embedded soft skills with ids alone",
    each_profile(
        lambda p: [only("id")(softskill) for softskill in p.get("softSkills", ()) if isinstance(softskill, dict)]
    ),
)
add("embedded lists that hold things twice", each_object(_repeat_items))
add("optional competences under their own name", each_profile(renamed("specificCompetences", "optionalCompetences")))

# Texts


def _soft_skills_by(key: str) -> Answers:
    return each_object(lambda d: renamed("title", key)(d) if d.get("type") == "softskill" else None)


add("soft skills named by description", _soft_skills_by("description"))
add("soft skills named by shortDescription", _soft_skills_by("shortDescription"), paired=False)
add("titles as bare texts", each_object(replaced(("title",), bare_text)), loses=OF_LANGUAGE)
add("all texts as bare texts", each_object(replaced(TEXTS, bare_text)), loses=[*OF_LANGUAGE, "localized"], paired=False)
add(
    "no languages without a text",
    each_object(lambda d: [d.pop(key) for key in ("en", "de") if d.get(key, 0) is None]),
    paired=False,
)
add("texts without a key for German", each_object(without("de")), loses=["de", "translated"], paired=False)
add(
    "names under title",
    each_profile(replaced(("alternativeNames",), lambda names: [_title_of_name(name) for name in names])),
    paired=False,
)
add(
    "names with code and title alone",
    each_profile(
        replaced(("alternativeNames",), lambda names: [{"code": n["code"], "title": n["name"]} for n in names])
    ),
    loses=["alternativeNames"],
    paired=False,
)
add(
    "names as bare texts",
    each_profile(replaced(("alternativeNames",), lambda names: [name["name"] for name in names])),
    loses=["alternativeNames"],
    paired=False,
)
add(
    "names by language",
    each_profile(
        replaced(
            ("alternativeNames",), lambda names: [{**name, "name": {name["language"]: name["name"]}} for name in names]
        )
    ),
    paired=False,
)


def _title_of_name(name: Document) -> Document:
    return {"title": name["name"], **{key: value for key, value in name.items() if key != "name"}}


# Codes, regions, dates


def _digits(values: Values) -> Values:
    return {name: _number(value) if name in NO_CODE else _refs_by_number(value) for name, value in values.items()}


def _refs_by_number(value: Any) -> Any:
    match value:
        case list():
            return [_refs_by_number(item) for item in value]
        case {"code": code}:
            return {"code": _number(code)}
    return value


def _number(code: Any) -> Any:
    return re.sub(r"\D", "", str(code)) or "0"


add(
    "codes as numbers",
    each_object(replaced(("code",), lambda code: int(_number(code)))),
    variables=_digits,
    loses=["code", *BY_REF],  # concepts of several types have the same number
)
add(
    "no codes",
    each_object(without("code")),
    loses=[
        "code",
        "occupationalProfile",
        "technicalCompetence",
        "softSkill",
        "unused",
        "nodes",
        "changedFields",
        "knowledgeItems",
        "missing",  # in order of code
        *BY_REF,
    ],
)
add("no regions", each_object(without("regions")), loses=["regions"])
add(
    "ISCO codes as bare texts",
    each_profile(replaced(("codes",), lambda codes: [code["value"] for code in codes])),
    paired=False,
)
add(
    "ISCO codes as bare numbers, elsewhere",
    each_profile(lambda p: p.update(iscoCodes=[int(item["value"]) for item in p.pop("codes", ())])),
    paired=False,
)
add("no moments", each_object(without(*MOMENTS)), loses=["lastModified", "lastPublished", "publishedOn", "late"])
add(
    "invalid timestamps",
    each_object(replaced(MOMENTS, lambda value: "onlangs")),
    loses=["lastModified", "lastPublished", "publishedOn", "late"],
    paired=False,
)
add("moments in milliseconds", each_object(replaced(MOMENTS, milliseconds)))
add("moments as lists of numbers", each_object(replaced(MOMENTS, numbers)), paired=False)

# All documents

STRANGE = {"new": {"id": 1, "code": None}, "_new": [], "version": "4.2", "name2": "x"}

add("unknown fields", each_object(lambda d: d.update(STRANGE)))
add("another order of fields", lambda path, status, document: (status, turned(document)))

THE_INDEX = frozenset({"3.11", "3.10"})

TOGETHER = {
    frozenset({"no list of profiles", "no route for the use of a competence"}): THE_INDEX,
    # The code of a soft skill that no profile uses.
    frozenset({"no document of a soft skill", "items without codes"}): frozenset({"code"}),
}
"""Fields that two mutations lose only in combination."""
