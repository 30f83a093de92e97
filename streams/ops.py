"""/metrics and /healthz of a worker or a listener, for Prometheus and whatever restarts processes."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.settings import cannot_listen, split_address


async def serve_ops(address: str, registry: CollectorRegistry, problem: Callable[[], str]) -> web.AppRunner | None:
    """Serve until `cleanup()` of the returned runner; None when `address` is empty.

    `problem` says what is wrong, "" when nothing is: /healthz answers 200 or 503 with it. The loop that answers is
    the one that works, so that an answer at all says it is not blocked.
    """
    if not address:
        return None

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def health(_: web.Request) -> web.Response:
        trouble = problem()
        return web.json_response({"status": trouble or "ok"}, status=503 if trouble else 200)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, port = split_address(address, "metrics_listen")
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as wrong:
        await runner.cleanup()
        raise cannot_listen("metrics_listen", address, wrong) from None
    return runner
