"""How fast the server answers, beside other GraphQL servers over the same upstream. Run by `make bench`."""
