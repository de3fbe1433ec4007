"""Maps failures of upstream calls to our errors."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from graphql_api.errors import (
    UpstreamError,
    UpstreamInvalidResponse,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from graphql_api.upstream.transport import Response

MAX_RETRY_AFTER = 60.0
"""Maximum `Retry-After` in seconds; longer values are capped, so that no header can block calls for a day."""
MAX_DETAIL = 300
"""Maximum number of characters of a detail that quotes upstream or a library."""
MAX_RETRY_AFTER_CHARS = 64
"""Maximum number of characters read of `Retry-After`; a date has 29."""


def socket_error(error: OSError) -> UpstreamError:
    """Returns the error for a socket error or, as raised by asyncio at the deadline, a timeout."""
    error_class = UpstreamTimeout if isinstance(error, TimeoutError) else UpstreamUnavailable
    return error_class(detail=described(error))


def described(error: Exception) -> str:
    """Returns an exception as a detail for operators, truncated, because libraries quote what upstream sent."""
    return f"{type(error).__name__}: {error}"[:MAX_DETAIL]


def bare(error: UpstreamError) -> UpstreamError:
    """Returns the error without traceback and causes, whose frames would keep the response in memory."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def refusal(response: Response) -> UpstreamError | None:
    """Returns the error for a response status; None for 200."""
    status, detail = response.status_code, f"status {response.status_code}"
    if status == 200:
        return None
    if status == 400:
        return UpstreamRefused(detail=detail).lasting()
    if status == 404:
        return UpstreamNotFound(detail=detail)
    if status in (401, 403):
        return UpstreamUnauthorized(detail=detail)
    if status == 429:
        return UpstreamRateLimited(retry_after=retry_after(response), detail=detail)
    if status >= 500:
        return UpstreamUnavailable(retry_after=retry_after(response), detail=detail)
    return UpstreamInvalidResponse(detail=detail).lasting()  # mostly redirects, which are never followed


def retry_after(response: Response, now: datetime | None = None) -> float | None:
    """Returns the seconds to wait from `Retry-After`, a number or a date (RFC 9110, 10.2.3); None if it is missing or invalid."""
    text = response.headers.get("retry-after", "")[:MAX_RETRY_AFTER_CHARS].strip()
    if text.isdecimal():
        return min(float(text[:9]), MAX_RETRY_AFTER)
    try:
        seconds = (parsedate_to_datetime(text) - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)
