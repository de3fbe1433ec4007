"""The GraphQL types, one file each: what a field reads from a document, and what it follows."""
