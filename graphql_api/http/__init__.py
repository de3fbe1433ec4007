"""HTTP: GraphQL, streaming, authentication, admission control, pages, MCP."""
