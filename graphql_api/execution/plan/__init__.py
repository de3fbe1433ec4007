"""Operations compiled into plans, which read declared fields straight from documents.

A plan gives what graphql-core would give, or gives up: then graphql-core runs the operation over the same loaders, so that
whatever is wrong is told by it alone.
"""

from graphql_api.execution.plan.answers import KeptAnswer, KeptAnswers, Key, tag_of
from graphql_api.execution.plan.kept import KeptParts
from graphql_api.execution.plan.planned import Planned, Plans, Whole, count
from graphql_api.execution.plan.run import Run
from graphql_api.execution.plan.variables import Given

__all__ = [
    "Given",
    "KeptAnswer",
    "KeptAnswers",
    "KeptParts",
    "Key",
    "Planned",
    "Plans",
    "Run",
    "Whole",
    "count",
    "tag_of",
]
