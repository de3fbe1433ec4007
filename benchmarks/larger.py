"""Makes a release several times as large as a real one from copies with slightly different words.

All copies share the closed lists (soft and digital skills, sectors, areas, proofs, ISCO). One word of each text differs in each
copy, so the vocabulary grows nearly as fast as the release, and faster than in real releases.
"""

from collections.abc import Sequence
from dataclasses import replace

from graphql_api.sandbox.dataset import AlternativeName, Concept, Dataset, Item, Profile, Texts

SHARED = ("softSkills", "digitalSkills")


def copies(dataset: Dataset, size: int) -> Dataset:
    """A release of `size` copies of a release; the first is the release itself."""
    others = [_Copy(f".{number}") for number in range(1, size)]
    return replace(
        dataset,
        profiles=dataset.profiles + tuple(copy.profile(profile) for copy in others for profile in dataset.profiles),
        competences=dataset.competences
        + tuple(copy.competence(competence) for copy in others for competence in dataset.competences),
    )


def larger(dataset: Dataset, profiles: int, competences: int) -> Dataset:
    """A release with this many profiles and competences, from copies; competences that no profile has become optional ones."""
    copied = copies(dataset, 1 + max(profiles // len(dataset.profiles), competences // len(dataset.competences)))
    first, selected = copied.profiles[:profiles], copied.competences[:competences]
    unused = {one.uuid: one for one in selected}
    for profile in first:
        for competence in profile.competences:
            unused.pop(competence.uuid, None)
    others = list(unused.values())
    return replace(
        copied,
        profiles=tuple(_with_optional(profile, others[at::profiles]) for at, profile in enumerate(first)),
        competences=selected,
    )


def _with_optional(profile: Profile, competences: Sequence[Concept]) -> Profile:
    name = "optionalCompetences"
    return replace(profile, related={**profile.related, name: (*profile.related.get(name, ()), *competences)})


class _Copy:
    """Makes one copy; memoizes copied concepts."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._made: dict[str, Concept] = {}

    def profile(self, one: Profile) -> Profile:
        return replace(
            one,
            uuid=self._uuid(one.uuid),
            code=one.code + self._mark,
            texts={name: self._texts(value) for name, value in one.texts.items()},
            related={
                name: tuple(item if name in SHARED else self._item(item) for item in items)
                for name, items in one.related.items()
            },
        )

    def competence(self, one: Concept) -> Concept:
        copy = self._made.get(one.uuid)
        if copy is None:
            copy = self._made[one.uuid] = replace(
                one,
                uuid=self._uuid(one.uuid),
                code=one.code + self._mark,
                texts={name: self._texts(value) for name, value in one.texts.items()},
                related={name: tuple(map(self._item, items)) for name, items in one.related.items()},
            )
        return copy

    def _item(self, item: Concept | Item) -> Concept | Item:
        match item:
            case Concept():
                return self.competence(item)
            case AlternativeName():
                return replace(item, uuid=self._uuid(item.uuid), name=self._text(item.name))
        return item

    def _uuid(self, uuid: str) -> str:
        return f"{int(uuid[:8], 16) ^ int(self._mark[1:]):08x}{uuid[8:]}"

    def _texts(self, texts: Texts) -> Texts:
        return {language: text and self._text(text) for language, text in texts.items()}

    def _text(self, text: str) -> str:
        word = max(text.split(), key=len)
        middle = len(word) // 2
        return text.replace(word, f"{word[:middle]}{_letters(int(self._mark[1:]))}{word[middle:]}", 1)


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))
