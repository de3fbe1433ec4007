"""Executes operations: parses, validates, applies limits, then runs a compiled query or graphql-core."""
