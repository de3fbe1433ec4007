"""Reading concepts by the sets of keys that their objects have."""

from graphql_api.competent.concept_reader import MAX_SETS_OF_KEYS, Notes, reader

ID = "0b3a1c52-9d0e-4f0f-8c56-0d4c1a7f2e11"


def test_objects_with_different_keys_have_their_own_fields() -> None:
    knowledge = reader("Knowledge")
    assert knowledge.read({"id": ID, "code": "K-1"}, Notes()) == {"id": ID, "code": "K-1"}
    assert knowledge.read({"id": ID}, Notes()) == {"id": ID}
    described = knowledge.read({"id": ID, "description": {"nl": "Lassen"}}, Notes())
    assert described == {"id": ID, "description": {"nl": "Lassen"}}
    assert knowledge.read({"id": ID, "_embedded": {"code": "K-1"}}, Notes()) == {"id": ID, "code": "K-1"}


def test_sets_of_keys_with_unknown_ones_are_not_cached() -> None:
    knowledge, notes = reader("Knowledge"), Notes()
    before = len(knowledge.by_keys)
    for number in range(MAX_SETS_OF_KEYS + 10):
        assert knowledge.read({"id": ID, f"other{number}": 1, "code": "K-1"}, notes) == {"id": ID, "code": "K-1"}
    assert len(knowledge.by_keys) == before
    assert len(notes.unknown) == MAX_SETS_OF_KEYS + 10


def test_the_number_of_cached_sets_of_keys_is_bounded() -> None:
    profile = reader("OccupationalProfile")
    keys = sorted(profile.declared - {"id"})
    for start in range(len(keys)):
        for stop in range(start, len(keys)):
            profile.read(dict.fromkeys(["id", *keys[start:stop]]), Notes())
    assert len(profile.by_keys) == MAX_SETS_OF_KEYS
    assert profile.read({"id": ID, "code": "OP-1", keys[-1]: None, keys[0]: None}, Notes())["code"] == "OP-1"
