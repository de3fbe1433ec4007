"""ConceptList: objects of concepts, made from documents when they are read."""

from typing import cast

from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept_list import ConceptList
from graphql_api.schema.types.occupational_profile import OccupationalProfile


def test_objects_are_made_by_position_slice_and_iteration() -> None:
    documents = [{"id": "1", "code": "a"}, {"id": "2", "code": "b"}, {"id": "3", "code": "c"}]
    profiles = ConceptList(OccupationalProfile, cast(Loaders, None), "3.27", documents)

    assert len(profiles) == 3
    assert profiles[1].view.document is documents[1]
    assert (profiles[1].view.release, profiles[1].view.id, profiles[1].view.is_complete) == ("3.27", "2", False)
    assert [profile.view.id for profile in profiles[1:]] == ["2", "3"]
    assert [profile.view.document for profile in profiles] == documents
