"""The table of policies is complete and consistent."""

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.policy import POLICIES


def test_every_priority_has_a_policy_in_the_order_of_metrics() -> None:
    assert list(POLICIES) == list(Priority)
    assert [policy.label for policy in POLICIES.values()] == ["interactive", "revalidation", "crawl"]


def test_only_a_crawl_is_unbounded_and_lower_priorities_reserve_calls() -> None:
    assert [policy.is_bounded for policy in POLICIES.values()] == [True, True, False]
    shares = [policy.reserved_share for policy in POLICIES.values()]
    assert shares == sorted(shares)
    assert shares[0] == 0
