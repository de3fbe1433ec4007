"""Estimates the cost of an operation: the values of its response and the work of its resolvers.

The analysis runs once per document and leaves variables open; a request then only evaluates an expression.
"""

from graphql_api.execution.cost.analyzer import Costing
from graphql_api.execution.cost.expression import MAX_COST, Cost

__all__ = ["MAX_COST", "Cost", "Costing"]
