"""A Dask cluster for one burst: started here, over SSH, or there already; mutual TLS, no dashboard, nothing on 0.0.0.0.

Dask's scheduler gives Python to whoever reaches it (docs.dask.org, deploying: security), hence all of this. Imports
distributed when a cluster is made, not before. What it does over the network runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from wstune.burst import answers, certificates, cluster_probe
from wstune.burst.cluster_entry import CONFIG, Where, local, require, security_for, security_of, unfit
from wstune.burst.conversation import said_by
from wstune.burst.engine.records import read
from wstune.burst.scratch import private_directory
from wstune.errors import InconclusiveError

if TYPE_CHECKING:
    from distributed import Client, Future
    from distributed.security import Security

    from wstune.burst.cluster_ssh import Machines

Result = TypeVar("Result")

START_SECONDS = 60.0
ANSWER_SECONDS = 30.0
_CLOSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Worker:
    """One Dask worker: its name, its address, and what the probe found there."""

    name: str
    address: str
    found: answers.Probe


class Cluster:
    """A cluster that is connected. Use `connect`. All methods are to be called from outside its thread."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.scheduler = ""
        self._client: Client | None = None
        self._closing = contextlib.AsyncExitStack()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)
        self._thread.start()

    @property
    def client(self) -> Client:
        assert self._client is not None, "connected first"  # noqa: S101
        return self._client

    def wait(self, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
        """The result of a coroutine, run in the cluster's thread. Raises TimeoutError, and what it raises."""
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def ask(self, calls: dict[str, tuple[Any, ...]], function: Callable[..., Result]) -> dict[str, Result | Exception]:
        """Call a function on several workers at once: address → arguments; gives its result, or why there is none."""

        async def one(address: str, arguments: tuple[Any, ...]) -> Result | Exception:
            future = self.client.submit(
                function, *arguments, workers=[address], allow_other_workers=False, pure=False, retries=0
            )
            try:
                answer: Result = await asyncio.wait_for(future, ANSWER_SECONDS)
            except Exception as error:
                return error
            return answer

        async def all_of_them() -> list[Result | Exception]:
            return await asyncio.gather(*(one(address, arguments) for address, arguments in calls.items()))

        return dict(zip(calls, self.wait(all_of_them(), ANSWER_SECONDS + 5), strict=True))

    def start(self, address: str, function: Callable[..., str], *arguments: object) -> Future:
        """Start a task pinned to one worker. It is never run elsewhere."""

        async def submit() -> Future:
            return self.client.submit(
                function,
                *arguments,
                workers=[address],
                allow_other_workers=False,
                pure=False,
                retries=0,
                key=f"burst-{arguments[0]}",
            )

        return self.wait(submit(), ANSWER_SECONDS)

    def listen(self, topic: str, take: Callable[[Any], None]) -> None:
        """Give each event that is logged under this topic to `take`, in the cluster's thread."""

        async def subscribe() -> None:
            self.client.subscribe_topic(topic, lambda event: take(event[1]))

        self.wait(subscribe(), ANSWER_SECONDS)

    def tell(self, address: str, function: Callable[..., None], *arguments: object) -> None:
        """Run a short function on a worker, without waiting for it; who does not get it is found out by silence."""

        async def run() -> None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.client.run(function, *arguments, workers=[address]), ANSWER_SECONDS)

        asyncio.run_coroutine_threadsafe(run(), self._loop)

    def cancel(self, future: Future) -> None:
        """Nobody waits for this task any more: it notices."""

        async def cancel() -> None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.client.cancel([future], force=True), ANSWER_SECONDS)

        asyncio.run_coroutine_threadsafe(cancel(), self._loop)

    async def open(self, where: Where) -> None:
        """Start or find the cluster, and see what its workers have installed."""
        from distributed import Client

        if where.address:
            self.scheduler, security = where.address, security_for(where)
        else:
            self.scheduler, security = await self._start(where)
        client = Client(
            self.scheduler,
            security=security,
            asynchronous=True,
            set_as_default=False,
            timeout=15,
            name="wstune",
        )
        self._closing.push_async_callback(_quietly, client.close)
        try:
            self._client = await client
        except (OSError, TimeoutError) as error:
            raise InconclusiveError(
                f"no Dask scheduler lets us in at {self.scheduler}: {_brief(error)}",
                "look at address, port and certificate; the machines must reach each other",
            ) from None
        await self._meet(where)

    async def _start(self, where: Where) -> tuple[str, Security]:
        import dask

        pem = certificates.make()
        if where.hosts:
            from wstune.burst import cluster_ssh

            machines: Machines = await self._closing.enter_async_context(cluster_ssh.prepared(where, pem))
            spec, config = machines.spec(), machines.config()
        else:
            # Their semaphores' keeper would say to the terminal that they are left, when this process is killed.
            sys.warnoptions.append("ignore:resource_tracker:UserWarning")
            directory = self._closing.enter_context(private_directory())
            spec = local(where.local, security_of(pem), directory)
            config = {"logging": {"distributed": "critical"}, "temporary-directory": directory}
        dask.config.set({**CONFIG, **config})
        from distributed.deploy.spec import SpecCluster

        security = security_of(pem)
        cluster = SpecCluster(**spec, asynchronous=True, security=security, silence_logs=logging.CRITICAL)
        self._closing.push_async_callback(_quietly, cluster.close)
        try:
            await asyncio.wait_for(cluster, START_SECONDS)
        except Exception as error:
            raise InconclusiveError(
                f"the Dask cluster did not start: {_brief(error)}", "the machines must reach each other's ports"
            ) from None
        return str(cluster.scheduler_address), security

    async def _meet(self, where: Where) -> None:
        wanted = where.local or len({*where.hosts, *([where.server] if where.hosts and where.server else [])}) or 1
        with contextlib.suppress(TimeoutError):
            await self.client.wait_for_workers(wanted, timeout=START_SECONDS)
        known = (await self.client.scheduler.identity(n_workers=-1))["workers"]
        if not known:
            raise InconclusiveError(f"the Dask cluster at {self.scheduler} has no workers", "start some: dask worker")
        import cloudpickle

        cloudpickle.register_pickle_by_value(cluster_probe)
        try:
            said = await asyncio.wait_for(self.client.run(cluster_probe.probe, on_error="return"), ANSWER_SECONDS)
        finally:
            cloudpickle.unregister_pickle_by_value(cluster_probe)
        for address, about in known.items():
            answer = said.get(address)
            if isinstance(answer, Exception) or answer is None:
                raise InconclusiveError(f"{about['name']} does not answer: {answer!r}")
            name = str(about["name"])
            with said_by(name):
                found = read(answers.Probe, answers.cleaned(answer))
            if where.local:
                name = f"local-{name}"
            elif "://" in name:
                name = found.hostname if len(known) == 1 else name.partition("://")[2]
            self.workers.append(Worker(name, address, found))
            if reason := unfit(name, found, as_root=where.as_root or bool(where.local)):
                raise reason
        self.workers.sort(key=lambda worker: worker.name)

    def close(self) -> None:
        """Leave it; end what was started."""
        try:
            with contextlib.suppress(TimeoutError):
                self.wait(self._closing.aclose(), _CLOSE_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(2)


@contextlib.contextmanager
def connect(where: Where, seconds: float = 3 * START_SECONDS) -> Iterator[Cluster]:
    """The cluster, connected within so many seconds; what was started for it is ended afterwards.

    Raises UsageError for an address that may not be used, InconclusiveError when a machine cannot be had, in words.
    """
    require(where)
    for name in ("distributed", "asyncssh", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is said by us, once
    cluster, seconds = Cluster(), min(seconds, 3 * START_SECONDS)
    try:
        try:
            cluster.wait(cluster.open(where), seconds)
        except TimeoutError:
            raise InconclusiveError(
                f"the machines of the cluster did not answer within {seconds:.0f} s",
                "look at address, port and certificate; or allow it more time: --time-limit",
            ) from None
        yield cluster
    finally:
        cluster.close()


async def _quietly(close: Callable[[], Any]) -> None:
    with contextlib.suppress(Exception):
        await asyncio.wait_for(close(), _CLOSE_SECONDS / 2)


def _brief(error: BaseException) -> str:
    """One line of an error, whatever it brings."""
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def run_id() -> str:
    """Names a run, on every machine; nobody guesses it."""
    return secrets.token_hex(12)
