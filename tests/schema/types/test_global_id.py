"""Global ids, without a server."""

from base64 import urlsafe_b64encode
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import BadUserInput
from graphql_api.schema.types.global_id import NodeId

ID = UUID("8c15a1bf-9699-43ae-b890-f79ac3e5f461")


@pytest.mark.parametrize("node_id", [NodeId("Skill", "3.11", ID), NodeId("Release", "3.11")])
def test_an_id_is_decoded_to_its_parts(node_id: NodeId) -> None:
    assert NodeId.parse(str(node_id)) == node_id


def test_ids_differ_by_type_release_and_uuid() -> None:
    parts = [("Skill", "3.11", ID), ("Knowledge", "3.11", ID), ("Skill", "3.10", ID), ("Skill", "3.11", UUID(int=1))]

    assert len({str(NodeId(*part)) for part in parts}) == 4


def forge(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Skill",
        forge("Skill"),
        forge("Skill:3.11"),
        forge(f"Release:3.11:{ID}"),
        forge(f"Skill:current:{ID}"),
        forge(f"Skill:..:{ID}"),
        forge(f"Skill:3.11:{ID.hex}"),
        forge(f"Skill:3.11:{str(ID).upper()}"),
        forge(f"Skill:3.11:{ID}:more"),
        forge(f"Skill:3.11:{ID}") + "=",
        forge(f"Skill:3.11:{ID}") + "A" * 500,
        forge(f"Skill:3.11/../..:{ID}"),
    ],
)
def test_a_forged_id_is_refused(text: str) -> None:
    with pytest.raises(BadUserInput, match="not an id of this server"):
        NodeId.parse(text)


@given(text=st.text(max_size=100))
def test_any_text_is_decoded_or_refused_as_an_id(text: str) -> None:
    with suppress(BadUserInput):
        assert str(NodeId.parse(text)) == text
