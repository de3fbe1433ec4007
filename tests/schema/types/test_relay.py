"""Windows and cursors of connections, without a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import BadUserInput
from graphql_api.schema.types.relay import DEFAULT_ITEMS, MAX_ITEMS, ConnectionArguments

positions = st.integers(min_value=0, max_value=60)


@given(total=positions, start=positions, first=positions)
def test_first_after_returns_the_items_behind_the_cursor(total: int, start: int, first: int) -> None:
    everything = ConnectionArguments(first=MAX_ITEMS).window("list", total)
    after = everything.cursors(total)[start] if start < total else None
    window = ConnectionArguments(first=first, after=after).window("list", total)

    begin = start + 1 if after else 0
    assert range(total)[window.start : window.stop] == range(total)[begin : begin + first]


@given(total=positions, stop=positions, last=positions)
def test_last_before_returns_the_items_ahead_of_the_cursor(total: int, stop: int, last: int) -> None:
    before = ConnectionArguments(first=MAX_ITEMS).window("list", total).cursors(total)[stop] if stop < total else None
    window = ConnectionArguments(last=last, before=before).window("list", total)

    end = stop if before else total
    assert range(total)[window.start : window.stop] == range(total)[max(0, end - last) : end]


def test_paging_forward_returns_each_item_once() -> None:
    seen: list[int] = []
    after, more = None, True
    while more:
        window = ConnectionArguments(first=7, after=after).window("list", 45)
        seen += range(window.start, window.stop)
        info = window.info(window.cursors(window.stop - window.start))
        after, more = info.end_cursor, info.has_next_page

    assert seen == list(range(45))


def test_without_arguments_a_page_has_the_default_size() -> None:
    window = ConnectionArguments().window("list", 1000)

    assert (window.start, window.stop) == (0, DEFAULT_ITEMS)


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = ConnectionArguments().window("list 3.10", 10).cursors(1)[0]

    with pytest.raises(BadUserInput, match="Invalid cursor"):
        ConnectionArguments(after=cursor).window("list 3.11", 10)


@given(forged=st.text(max_size=60))
def test_a_forged_cursor_is_refused(forged: str) -> None:
    with pytest.raises(BadUserInput, match="Invalid cursor"):
        ConnectionArguments(after=forged).window("list", 10)


@pytest.mark.parametrize(
    "paging", [{"first": -1}, {"first": MAX_ITEMS + 1}, {"last": -1}, {"last": MAX_ITEMS + 1}, {"first": 1, "last": 1}]
)
def test_invalid_page_sizes_are_refused(paging: dict[str, int]) -> None:
    with pytest.raises(BadUserInput):
        ConnectionArguments(**paging)
