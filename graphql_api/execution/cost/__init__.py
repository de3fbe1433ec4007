"""Estimates the cost of an operation: the values of its response and the work of its resolvers.

The analysis runs once per document and leaves variables open; a request then only evaluates an expression.
"""

from graphql_api.execution.cost.analyzer import Costing
from graphql_api.execution.cost.breakdown import Breakdown, costs_by_field
from graphql_api.execution.cost.expression import MAX_COST, Cost
from graphql_api.execution.cost.fitting import Fit, fit

__all__ = ["MAX_COST", "Breakdown", "Cost", "Costing", "Fit", "costs_by_field", "fit"]
