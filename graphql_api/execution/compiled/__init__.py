"""Operations compiled to Python functions, which read declared fields straight from documents.

A compiled query returns what graphql-core would return, or fails; then graphql-core executes the operation over the same loaders,
so all errors are its own.
"""
