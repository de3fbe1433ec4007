"""What an operation may cost: the values of its answer, and what its resolvers do besides.

Worked out once for a document, with what depends on variables left open; then a request costs some multiplications.
"""

from graphql_api.cost.figures import BEYOND, Cost
from graphql_api.cost.typical import TYPICAL
from graphql_api.cost.working import Costing

__all__ = ["BEYOND", "TYPICAL", "Cost", "Costing"]
