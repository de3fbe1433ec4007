"""Search by meaning: vectors of all searched texts of an index, and their comparison with the vector of a query.

Needs the extra `semantic`: only modules that are imported once vectors are used import numpy.
"""
