"""The GraphQL types, generated from the declarations of Competent, with a module for each type that has further fields."""
