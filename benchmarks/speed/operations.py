"""The measured operations, each with fifty sets of variables, sampled evenly from a release.

All servers run the same operations, except `search` and `gap`, which need an index that only this server has.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import orjson

from graphql_api.sandbox.document_store import ReleaseDocuments
from graphql_api.sandbox.serializers import PROFILES
from graphql_api.schema.types.global_id import NodeId

T = TypeVar("T")

VARIED = 50
"""Number of sets of variables: enough to not measure a single response, few enough to warm up quickly."""
WIDE = 100
"""Mean number of profiles in the wide list."""
SPREAD = range(WIDE - VARIED // 2 + 1, WIDE + VARIED // 2 + 1)
"""Sizes of the wide list."""
OFTEN = 5
"""Minimum number of profiles that use a competence of the fan-out."""

TINY = """query Tiny($uuid: UUID!, $release: String!) {
  occupationalProfile(uuid: $uuid, release: $release) { code title { fr } }
}"""

_WHOLE_PROFILE = """{
    code
    title { fr }
    essentialCompetences {
      code
      skill { code description { fr } }
      knowledgeItems { code description { fr } }
      behaviouralIndicators { code description { fr } }
    }
  }"""

NESTED = f"""query Nested($uuid: UUID!, $release: String!) {{
  occupationalProfile(uuid: $uuid, release: $release) {_WHOLE_PROFILE}
}}"""

FAN_OUT = """query FanOut($uuid: UUID!, $release: String!) {
  technicalCompetence(uuid: $uuid, release: $release) {
    code
    usedInOccupationalProfiles(first: 20) { nodes { title { fr } essentialCompetences { code } } }
  }
}"""

WIDE_LIST = """query Wide($first: Int!, $release: String!) {
  occupationalProfiles(first: $first, release: $release) { nodes { code title { fr } } }
}"""

BIG_LIST = f"""query BigList($first: Int!, $release: String!) {{
  occupationalProfiles(first: $first, release: $release) {{ nodes {_WHOLE_PROFILE} }}
}}"""

SEARCH = """query Search($text: String!, $release: String!) {
  search(text: $text, release: $release, first: 10) {
    totalCount
    nodes { __typename code ... on OccupationalProfile { title { fr } } ... on Competence { description { fr } } }
  }
}"""

GAP = """query Gap($from: ConceptRef!, $to: ConceptRef!) {
  competenceGap(from: $from, to: $to) { coverage missing { technicalCompetences { code skill { description { fr } } } } }
}"""


class Operation(NamedTuple):
    """A GraphQL document and its sets of variables, used in turn."""

    name: str
    document: str
    variables: Sequence[Mapping[str, Any]]

    @property
    def bodies(self) -> list[bytes]:
        """Request bodies, one for each set of variables."""
        return [orjson.dumps({"query": self.document, "variables": variable}) for variable in self.variables]


def shared(release: ReleaseDocuments, varied: int = VARIED) -> list[Operation]:
    """Operations that all servers support."""
    profiles = [{"uuid": uuid, "release": release.number} for uuid in drawn(uuids(release, PROFILES), varied)]
    competences = [{"uuid": uuid, "release": release.number} for uuid in drawn(used_often(release), varied)]
    sizes = [{"first": size, "release": release.number} for size in SPREAD]
    return [
        Operation("tiny", TINY, profiles),
        Operation("nested", NESTED, profiles),
        Operation("fan-out", FAN_OUT, competences),
        Operation("wide", WIDE_LIST, sizes),
    ]


def big_list(release: ReleaseDocuments) -> Operation:
    """A list of WIDE profiles with their essential competences, and all parts of these."""
    return Operation("big list", BIG_LIST, [{"first": WIDE, "release": release.number}])


def indexed(release: ReleaseDocuments) -> list[Operation]:
    """Operations that need an index."""
    items = [orjson.loads(item) for item in release.items(PROFILES)]
    texts = [" ".join(item["title"]["fr"].split("/")[0].split()[:2]) for item in items if item["title"].get("fr")]
    ids = [str(NodeId("OccupationalProfile", release.number, UUID(uuid))) for uuid in drawn(uuids(release, PROFILES))]
    return [
        Operation("search", SEARCH, [{"text": text, "release": release.number} for text in drawn(texts)]),
        Operation("gap", GAP, [{"from": {"id": one}, "to": {"id": other}} for one, other in pairwise([*ids, ids[0]])]),
    ]


def uuids(release: ReleaseDocuments, name: str) -> list[str]:
    """The uuids of all documents in a collection."""
    return [orjson.loads(item)["id"] for item in release.items(name)]


def used_often(release: ReleaseDocuments) -> list[str]:
    """The uuids of competences that at least OFTEN profiles use or, if there are none, of the most used ones."""
    uses: Counter[str] = Counter()
    for uuid in uuids(release, PROFILES):
        profile = orjson.loads(release.document(PROFILES, uuid) or b"")
        uses.update(
            {competence["id"] for competence in (*profile["essentialCompetences"], *profile["specificCompetences"])}
        )
    least = min(OFTEN, max(uses.values()))
    return sorted(uuid for uuid, times in uses.items() if times >= least)


def drawn(all_of_them: Sequence[T], most: int = VARIED) -> list[T]:
    """A sample of at most `most` items at even distances."""
    count = min(most, len(all_of_them))
    return [all_of_them[at * len(all_of_them) // count] for at in range(count)]
