"""The GraphQL types: made from the declarations of Competent, with a file for each that has fields beyond those."""
