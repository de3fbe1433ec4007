"""`competent-graphql doctor`: asks a Competent API what of the assumptions about it holds, in few calls."""

from graphql_api.doctor.checks import CHECKS, Check, Verdict
from graphql_api.doctor.run import run_doctor
from graphql_api.doctor.visit import MOST_CALLS

__all__ = ["CHECKS", "MOST_CALLS", "Check", "Verdict", "run_doctor"]
