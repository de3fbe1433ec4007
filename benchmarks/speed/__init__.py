"""Measures the speed of the server against other GraphQL servers with the same upstream. Run by `make bench`."""
