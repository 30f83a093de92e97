"""What the pages' server says of itself: requests and how long they took, sign-ins refused."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Counter, Histogram

from streams.metrics import Metrics

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class WebMetrics(Metrics):
    """By route, never by path: paths name encounters."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = Counter(
            "dripcode_web_requests", "Requests by page and status", ["page", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "dripcode_web_seconds", "How long a page took", ["page"], buckets=_BUCKETS, registry=self.registry
        )

    def middleware(self) -> Middleware:
        """Counts every request; the first of the middlewares."""

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            began, status = time.perf_counter(), 500
            try:
                answer = await handler(request)
                status = answer.status
            except web.HTTPException as other:
                status = other.status
                raise
            finally:
                resource = request.match_info.route.resource
                page = resource.canonical if resource is not None else "unknown"
                self.requests.labels(f"{request.method} {page}", str(status)).inc()
                self.seconds.labels(f"{request.method} {page}").observe(time.perf_counter() - began)
            return answer

        return counted
