"""What an operation may cost, before it runs and while it does. The front door.

A document is measured by itself, priced with its variables, and paid for out of its caller's bucket.
"""

from graphql_api.limits.buckets import ASKING, GUESS_POINTS, MAX_POINTS, Allowance, Allowances, Standing
from graphql_api.limits.checking import MAX_NODES, MAX_VALUES, MAX_VARIABLE_VALUES, Limits, Receipt, TooDear, receipt
from graphql_api.limits.deadlines import MUTATION_SECONDS, QUERY_SECONDS, Deadline
from graphql_api.limits.measuring import Measures, TooComplex, measure
from graphql_api.limits.tariff import Cost

__all__ = [
    "ASKING",
    "GUESS_POINTS",
    "MAX_NODES",
    "MAX_POINTS",
    "MAX_VALUES",
    "MAX_VARIABLE_VALUES",
    "MUTATION_SECONDS",
    "QUERY_SECONDS",
    "Allowance",
    "Allowances",
    "Cost",
    "Deadline",
    "Limits",
    "Measures",
    "Receipt",
    "Standing",
    "TooComplex",
    "TooDear",
    "measure",
    "receipt",
]
