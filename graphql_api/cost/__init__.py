"""What an operation may cost: how many values its answer holds, when lists are as long as was asked for or as they typically are.

Worked out once for a document, with what depends on variables left open; then a request costs some multiplications.
"""

from graphql_api.cost.figures import BEYOND, Cost
from graphql_api.cost.typical import TYPICAL
from graphql_api.cost.working import Costing

__all__ = ["BEYOND", "TYPICAL", "Cost", "Costing"]
