"""Routes other than the GraphQL endpoint: home, GraphiQL, documentation, examples, linked data, health."""
