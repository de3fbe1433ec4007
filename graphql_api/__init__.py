"""competent-graphql: one GraphQL schema in front of VDAB's Competent API."""
