"""/metrics, /healthz, /readyz and /startupz of a process, for Prometheus and whatever restarts processes."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.settings import cannot_listen, split_address


async def serve_ops(
    address: str, registry: CollectorRegistry, problem: Callable[[], str], setting: str = "metrics_listen"
) -> web.AppRunner | None:
    """Serve until `cleanup()` of the returned runner; None when `address` is empty.

    `problem` says what is wrong, "" when nothing is: /readyz answers 200 or 503 with it. /healthz is 200 whenever it
    answers: the loop that answers is the one that works, so an answer at all says it is not blocked, and a process that
    recovers or waits for its broker would not be better for a restart. /startupz is 503 until all was well once.
    """
    if not address:
        return None
    has_started = False

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def said(trouble: str) -> web.Response:
        return web.json_response({"status": trouble or "ok"}, status=503 if trouble else 200)

    async def alive(_: web.Request) -> web.Response:
        return said("")

    async def ready(_: web.Request) -> web.Response:
        nonlocal has_started
        trouble = problem()
        has_started = has_started or not trouble
        return said(trouble)

    async def started(request: web.Request) -> web.Response:
        return said("") if has_started else await ready(request)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/startupz", started)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, port = split_address(address, setting)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as wrong:
        await runner.cleanup()
        raise cannot_listen(setting, address, wrong) from None
    return runner
