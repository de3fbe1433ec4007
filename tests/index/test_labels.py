"""The label of a concept: the text that its type declares, without a substitute if it is missing."""

from typing import Any

import pytest

from graphql_api.index.labels import text_of

A, B = {"nl": "a"}, {"nl": "b"}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"title": A, "description": B}, A),
        ({"title": None, "description": B}, None),
        ({"skill": {"description": A}}, A),
        ({"skill": {"description": A}, "description": B}, A),
        ({"skill": {"description": None}}, None),
        ({"skill": None}, None),
        ({"description": A}, A),
        ({"description": None}, None),
        ({"code": "OP-1"}, None),
    ],
)
def test_a_label_is_the_text_that_the_concept_type_declares(document: dict[str, Any], text: object) -> None:
    assert text_of(document) == text
