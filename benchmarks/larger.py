"""A release several times as large as one that there is: copies of all that it makes, in words that differ a little.

The closed lists (soft and digital skills, sectors, areas, proofs, ISCO) stay as they are, shared by all copies. A word of each
text differs in each copy, so the vocabulary grows nearly as fast as the release: faster than that of a real one would.
"""

from dataclasses import replace
from typing import TypeVar

from graphql_api.sandbox.dataset import Block, Competence, Dataset, Profile, Texts

B = TypeVar("B", Block, Competence)


def copies(dataset: Dataset, size: int) -> Dataset:
    """So many copies of a release as one; the first is the release itself."""
    others = [_Copy(f".{number}") for number in range(1, size)]
    return replace(
        dataset,
        profiles=dataset.profiles + tuple(copy.profile(each) for copy in others for each in dataset.profiles),
        competences=dataset.competences
        + tuple(copy.competence(each) for copy in others for each in dataset.competences),
    )


class _Copy:
    """What one copy makes of things, each once."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._made: dict[str, Block | Competence] = {}

    def profile(self, one: Profile) -> Profile:
        return replace(
            one,
            uuid=self._uuid(one.uuid),
            code=one.code + self._mark,
            title=self._texts(one.title),
            description=self._texts(one.description),
            working_context=self._texts(one.working_context),
            names=tuple(replace(name, uuid=self._uuid(name.uuid), name=self._text(name.name)) for name in one.names),
            essential=tuple(map(self.competence, one.essential)),
            optional=tuple(map(self.competence, one.optional)),
        )

    def competence(self, one: Competence) -> Competence:
        known = self._made.get(one.uuid)
        if isinstance(known, Competence):
            return known
        made = self._made[one.uuid] = replace(
            one,
            uuid=self._uuid(one.uuid),
            code=one.code + self._mark,
            skill=one.skill and self._block(one.skill),
            knowledge=tuple(map(self._block, one.knowledge)),
            indicators=tuple(map(self._block, one.indicators)),
        )
        return made

    def _block(self, one: Block) -> Block:
        known = self._made.get(one.uuid)
        if isinstance(known, Block):
            return known
        uuid, code = self._uuid(one.uuid), one.code + self._mark
        made = self._made[one.uuid] = replace(one, uuid=uuid, code=code, texts=self._texts(one.texts))
        return made

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
