"""The GraphQL schema: `Query`, `Subscription`, types, and the DataLoaders that resolvers use."""
