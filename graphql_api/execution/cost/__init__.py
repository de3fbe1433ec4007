"""What an operation may cost: the values of its answer, and what its resolvers do besides.

Worked out once for a document, with what depends on variables left open; then a request costs some multiplications.
"""

from graphql_api.execution.cost.analyzer import Costing
from graphql_api.execution.cost.expression import BEYOND, Cost

__all__ = ["BEYOND", "Cost", "Costing"]
