"""Operations compiled to Python functions, which read declared fields straight from documents.

A compiled query returns what graphql-core would return, or fails; then graphql-core executes the operation over the same loaders,
so all errors are its own.
"""

from graphql_api.execution.compiled.execution import Execution
from graphql_api.execution.compiled.fallback import Fallback
from graphql_api.execution.compiled.queries import CompiledQueries, OperationQueries, count
from graphql_api.execution.compiled.variables import InputVariables

__all__ = [
    "CompiledQueries",
    "Execution",
    "Fallback",
    "InputVariables",
    "OperationQueries",
    "count",
]
