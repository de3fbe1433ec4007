"""Operations executed: parsed, validated, measured against limits, then answered by a compiled query or graphql-core."""
