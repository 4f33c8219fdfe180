"""One socket from its acceptance to its end: who speaks, what is said, and when it is over."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import ExitStack

from starlette.websockets import WebSocket

from domain.errors import RateLimited, Unavailable
from domain.identity import Asking
from graphql_api.addresses import neighbourhood
from graphql_api.transport.sockets import leaving
from graphql_api.transport.sockets.closing import CloseCode, Closing, closing
from graphql_api.transport.sockets.frames import Complete, Frame, Init, Malformed, Ping, Pong, Subscribe
from graphql_api.transport.sockets.line import Line
from graphql_api.transport.sockets.running import House, Running
from graphql_api.transport.sockets.standing import PROVING_SECONDS, Standing, introduced
from graphql_api.transport.sockets.tallies import Full

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Conversation:
    """What is said over one accepted socket, by the rules of `graphql-transport-ws`.

    `place` is what the socket holds of the tallies until its client has introduced itself.
    """

    def __init__(self, socket: WebSocket, *, house: House, asking: Asking, place: ExitStack) -> None:
        self._house = house
        self._asking = asking
        self._place = place
        self._line = Line(socket, house.terms)
        self._leaving = leaving.of(socket.scope)
        self._standing: Standing | None = None
        self._running: Running | None = None
        self._introduced = asyncio.Event()

    async def hold(self) -> None:
        """Talk until one of the two ends it; then let everything end that was begun for it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._listen(), self._watch(), self._fail()):
                    tasks.create_task(self._to_the_end(part))
        except* Closing as ended:
            log.info("socket closed: %s", ended.exceptions[0])
        finally:
            if self._running is not None:
                await self._running.aclose()

    async def _to_the_end(self, part: Awaitable[None]) -> None:
        """Do a part of the talking; where it ends the whole, the client is told before anything is tidied up."""
        try:
            await part
        except Closing as ending:
            await self._line.close(ending)
            raise

    async def _fail(self) -> None:
        """End the socket when an operation ends it."""
        await self._introduced.wait()
        if self._running is not None:
            await self._running.failed()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._house.terms.init_seconds
        while self._running is None:
            try:
                async with asyncio.timeout_at(until):
                    frame = await self._line.hear()
            except TimeoutError:
                raise closing(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout") from None
            await self._take(frame)
        while True:
            await self._take(await self._line.hear())

    async def _take(self, frame: Frame) -> None:
        match frame:
            case Init():
                await self._introduce(frame)
            case Ping():
                await self._line.say({"type": "pong"})
            case Pong():
                pass
            case Subscribe():
                if self._running is None:
                    raise closing(CloseCode.UNAUTHORIZED, "Unauthorized")
                if not self._leaving.told:
                    await self._running.begin(frame)
            case Complete():
                if self._running is not None:
                    self._running.end(frame.id)

    async def _introduce(self, frame: Init) -> None:
        if self._running is not None:
            raise closing(CloseCode.TOO_MANY_INITS, "Too many initialisation requests")
        try:
            async with asyncio.timeout(PROVING_SECONDS):
                standing = await introduced(self._house.proving, self._asking, frame.payload)
            self._move_in(standing)
        except Malformed as error:
            raise closing(CloseCode.BAD_REQUEST, str(error)) from None
        except (Unavailable, RateLimited, TimeoutError):
            raise closing(CloseCode.TRY_AGAIN_LATER, "Try again later") from None
        except Full:
            raise closing(CloseCode.TRY_AGAIN_LATER, "Too many sockets") from None
        await self._line.say({"type": "connection_ack"})

    def _move_in(self, standing: Standing) -> None:
        """Count the socket as its caller's from here on; the anonymous are counted by their address."""
        tallies = self._house.tallies
        tally = tallies.anonymous if standing.anonymous else tallies.callers
        holder = neighbourhood(self._asking.remote_address) if standing.anonymous else standing.caller
        with ExitStack() as place:
            place.enter_context(tally.held(holder))
            self._place.close()
            self._place.push(place.pop_all())
        self._standing = standing
        self._running = Running(self._house, self._line, standing, holder=holder)
        self._introduced.set()

    async def _watch(self) -> None:
        """End the socket when its time is over, its credential's time is, or the server's."""
        loop, terms = asyncio.get_running_loop(), self._house.terms
        over_at = loop.time() + terms.age_seconds
        while not await self._leaving.wait(at_most=min(LOOK_SECONDS, over_at - loop.time())):
            if loop.time() >= over_at:
                raise closing(CloseCode.GOING_AWAY, "Open too long")
            if self._standing is not None:
                self._standing.check()
                await self._standing.renew(idle=not self._running)
        if self._running is not None:
            await self._running.answered(at_most=terms.leave_seconds)
        raise closing(CloseCode.GOING_AWAY, "Going away")
