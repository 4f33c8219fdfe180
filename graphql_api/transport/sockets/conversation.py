"""One socket from its handshake to its end: what the client says, and which operations run for it meanwhile."""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from domain.errors import Unavailable
from domain.identity import Asking
from domain.telemetry import logs
from graphql_api.errors import Code, MaskingSchema
from graphql_api.transport import Recognizing
from graphql_api.transport.sockets import frames, standing
from graphql_api.transport.sockets.closing import CloseCode, Closing, closing
from graphql_api.transport.sockets.frames import Complete, Frame, Init, Malformed, Ping, Pong, Subscribe
from graphql_api.transport.sockets.standing import Standing
from graphql_api.transport.sockets.terms import Terms

log = logging.getLogger(__name__)


class Conversation:
    """What is said over one accepted socket. Operations run beside each other; what is sent is sent one by one."""

    def __init__(
        self, socket: WebSocket, *, schema: MaskingSchema, recognition: Recognizing, asking: Asking, terms: Terms
    ) -> None:
        self._socket = socket
        self._schema = schema
        self._recognition = recognition
        self._asking = asking
        self._terms = terms
        self._standing: Standing | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()
        self._closed = False

    async def hold(self) -> None:
        """Talk until one of the two ends it; nothing that was begun for it runs on, but for what is shielded."""
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._to_the_end(self._listen(tasks))
        except* Closing:
            log.debug("a socket is closed")

    async def _to_the_end(self, work: Awaitable[None]) -> None:
        """Do a part of the talking; where it ends the whole, the client is told before anything is tidied up."""
        try:
            await work
        except Closing as ending:
            await self._close(ending)
            raise

    async def _listen(self, tasks: asyncio.TaskGroup) -> None:
        try:
            async with asyncio.timeout(self._terms.init_seconds):
                while self._standing is None:
                    await self._take(await self._hear(), tasks)
        except TimeoutError:
            raise closing(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout") from None
        while True:
            await self._take(await self._hear(), tasks)

    async def _hear(self) -> Frame:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise Closing(None)
        text = message.get("text")
        if text is None:
            raise closing(CloseCode.BAD_REQUEST, "A message is a text.")
        try:
            return frames.read(text)
        except Malformed as error:
            raise closing(CloseCode.BAD_REQUEST, str(error)) from None

    async def _take(self, frame: Frame, tasks: asyncio.TaskGroup) -> None:
        match frame:
            case Init():
                await self._introduce(frame)
            case Ping():
                await self._send({"type": "pong"})
            case Pong():
                pass
            case Subscribe():
                self._begin(frame, tasks)
            case Complete():
                if task := self._running.pop(frame.id, None):
                    task.cancel()

    async def _introduce(self, frame: Init) -> None:
        if self._standing is not None:
            raise closing(CloseCode.TOO_MANY_INITS, "Too many initialisation requests")
        try:
            shown = Standing(self._recognition, standing.asking_with(self._asking, frame.payload))
            await shown.prove(uuid.uuid4().hex)
        except Malformed as error:
            raise closing(CloseCode.BAD_REQUEST, str(error)) from None
        except Unavailable:
            raise closing(CloseCode.TRY_AGAIN_LATER, "Try again later") from None
        self._standing = shown
        await self._send({"type": "connection_ack"})

    def _begin(self, frame: Subscribe, tasks: asyncio.TaskGroup) -> None:
        if self._standing is None:
            raise closing(CloseCode.UNAUTHORIZED, "Unauthorized")
        if frame.id in self._running:
            raise closing(CloseCode.ALREADY_RUNNING, "Subscriber for this id already exists")
        work = self._to_the_end(self._run(frame, self._standing))
        self._running[frame.id] = tasks.create_task(work)

    async def _run(self, frame: Subscribe, who: Standing) -> None:
        request_id = uuid.uuid4().hex
        logs.request_id.set(request_id)
        try:
            context = await who.prove(request_id)
        except Unavailable as refusal:
            error = {"message": refusal.message, "extensions": {"code": Code.UNAVAILABLE, "requestId": request_id}}
            await self._finish(frame, {"type": "error", "payload": [error]})
            return
        results = await self._schema.stream(
            frame.asked.query,
            variable_values=frame.asked.variables,
            context_value=context,
            operation_name=frame.asked.operation_name,
            operation_extensions=frame.asked.extensions,
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    errors = [error.formatted for error in result.errors or ()]
                    await self._finish(frame, {"type": "error", "payload": errors})
                    return
                await self._send({"id": frame.id, "type": "next", "payload": _payload(result)})
        await self._finish(frame, {"type": "complete"})

    async def _finish(self, frame: Subscribe, last: Mapping[str, object]) -> None:
        """Say the last word of an operation; from then on its id is free."""
        self._running.pop(frame.id, None)
        await self._send({"id": frame.id, **last})

    async def _send(self, message: Mapping[str, object]) -> None:
        async with self._sending:
            if self._closed:
                raise Closing(None)
            try:
                await self._socket.send_text(json.dumps(message, separators=(",", ":"), allow_nan=False))
            except WebSocketDisconnect:
                raise Closing(None) from None

    async def _close(self, ending: Closing) -> None:
        async with self._sending:
            if self._closed:
                return
            self._closed = True
            if ending.reason is not None:
                await self._socket.close(ending.reason.code, ending.reason.words)


def _payload(result: ExecutionResult) -> dict[str, Any]:
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        payload["extensions"] = result.extensions
    return payload
