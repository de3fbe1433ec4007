"""Argument values: some from real responses, so that most operations have results, and some without results."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.execution.compiled.two_servers import ClientRequest, Twin

_CONCEPT = "__typename id uuid code"
_HARVEST = f"""{{
  releases {{ id number }}
  occupationalProfiles(first: 40) {{ edges {{ cursor node {{
    {_CONCEPT} title {{ nl fr en de }} alternativeNames {{ name }} classifications {{ code }}
    economicSectors {{ uuid code }} areasOfInterest {{ uuid code }}
    essentialCompetences {{ {_CONCEPT} }} softSkills {{ {_CONCEPT} }} digitalSkills {{ {_CONCEPT} }}
  }} }} }}
  technicalCompetences(first: 60) {{ edges {{ cursor node {{
    {_CONCEPT} skill {{ {_CONCEPT} }} knowledgeItems {{ {_CONCEPT} }} behaviouralIndicators {{ {_CONCEPT} }}
  }} }} }}
  skills(first: 5) {{ edges {{ cursor }} }} knowledgeItems(first: 5) {{ edges {{ cursor }} }}
  behaviouralIndicators(first: 5) {{ edges {{ cursor }} }} softSkills(first: 5) {{ edges {{ cursor }} }}
  digitalSkills(first: 5) {{ edges {{ cursor }} }}
}}"""

LISTS = (
    "occupationalProfiles",
    "technicalCompetences",
    "skills",
    "knowledgeItems",
    "behaviouralIndicators",
    "softSkills",
    "digitalSkills",
)


@dataclass
class SampleValues:
    """Existing values by purpose."""

    uuids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    codes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Global ids by type, releases included."""
    cursors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Cursors by field of the connection, without arguments, in the current release."""
    words: list[str] = field(default_factory=list)
    sectors: list[str] = field(default_factory=list)
    areas: list[str] = field(default_factory=list)
    isco: list[str] = field(default_factory=list)

    @classmethod
    async def of(cls, server: Twin) -> "SampleValues":
        """Collect values from the data of a server."""
        answer = orjson.loads((await server.ask(ClientRequest(_HARVEST))).body)
        assert "errors" not in answer, answer["errors"]
        samples = cls()
        samples._note(answer["data"])
        for name in LISTS:
            samples.cursors[name] = [edge["cursor"] for edge in answer["data"][name]["edges"]]
        samples.ids["Release"] = [release["id"] for release in answer["data"]["releases"]]
        return samples

    def _note(self, value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                self._note(item)
        elif isinstance(value, dict):
            if "__typename" in value:
                self._note_concept(value)
            for item in value.values():
                self._note(item)

    def _note_concept(self, thing: dict[str, Any]) -> None:
        for pool, name in ((self.uuids, "uuid"), (self.codes, "code"), (self.ids, "id")):
            values = pool[thing["__typename"]]
            if thing[name] and thing[name] not in values and len(values) < 12:
                values.append(thing[name])
        if thing["__typename"] == "OccupationalProfile" and len(self.words) < 60:
            self.words += [text.split()[0] for text in (thing["title"] or {}).values() if text]
            self.words += [item["name"] for item in thing["alternativeNames"] or ()][:2]
            self.sectors += [
                item[name] for item in thing["economicSectors"] or () for name in ("uuid", "code") if item[name]
            ]
            self.areas += [
                item[name] for item in thing["areasOfInterest"] or () for name in ("uuid", "code") if item[name]
            ]
            self.isco += [item["code"] for item in thing["classifications"] or ()]

    def any_ids(self) -> list[str]:
        """Some ids of each type."""
        return [item for ids in self.ids.values() for item in ids[:4]]
