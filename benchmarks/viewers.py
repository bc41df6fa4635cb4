"""Many viewers at once, without browsers: clients that speak Streamlit's own protocol on its websocket.

Each opens the app with a seed of its own, so that nothing is shared, and asks for the next frame as soon as it
has one, as the browser's part of the live chart does.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.app import App, proportional_set_size, running_app
from ui.payload import decode

FRAME_INTERVAL = 0.05  # seconds at least between two frames, as in the browser
WATCHDOG = 4.0
SETTLING = 4.0


@dataclass
class Viewer:
    """One client and what it has seen.

    Attributes:
        frames: pictures received.
        step: training step of the last one.
        errors: exceptions that the app showed, or that befell the connection.
    """

    query: str
    frames: int = 0
    step: int = 0
    errors: list[str] = field(default_factory=list)
    _component: str = ""
    _fragment: str = ""
    _page: str = ""
    _chart: dict[str, object] | None = None

    async def watch(self, port: int, until: float) -> None:
        """Look at the app until the moment `until`, by `time.monotonic`."""
        address = f"ws://127.0.0.1:{port}/_stcore/stream"
        try:
            async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[list-item]
                await socket.send(self._rerun())
                while (left := until - time.monotonic()) > 0:
                    try:
                        data = await asyncio.wait_for(socket.recv(), min(left, WATCHDOG))
                    except TimeoutError:
                        if self._component:
                            await socket.send(self._rerun(self._component))
                        continue
                    message = ForwardMsg()
                    message.ParseFromString(data)  # type: ignore[arg-type]
                    if self._read(message):
                        await asyncio.sleep(FRAME_INTERVAL)
                        await socket.send(self._rerun(self._component))
        except (OSError, websockets.WebSocketException) as problem:
            self.errors.append(repr(problem))

    def _read(self, message: ForwardMsg) -> bool:
        """Take in a message; whether it is a run's end after a picture that wants the next one."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") == "exception":
                self.errors.append(element.exception.message)
            elif element.WhichOneof("type") == "bidi_component":
                self._component, self._fragment = element.bidi_component.id, message.delta.fragment_id
                self._chart = decode(element.bidi_component.bytes)
                self.frames += 1
                self.step = int(str(self._chart["step"]))
        elif kind == "script_finished" and self._chart is not None:
            running, self._chart = bool(self._chart["running"]), None
            return running
        return False

    def _rerun(self, component: str = "") -> bytes:
        """A request to run the app, or for the next frame of the chart `component`."""
        state = ClientState(query_string=self.query, page_script_hash=self._page)
        if component:
            state.fragment_id = self._fragment
            trigger = state.widget_states.widgets.add()
            trigger.id = f"$$STREAMLIT_INTERNAL_KEY_{component}__events"
            trigger.json_trigger_value = json.dumps([{"event": "next", "value": self.frames}])
        return BackMsg(rerun_script=state).SerializeToString()


@dataclass(frozen=True)
class Crowd:
    """How a number of viewers fared.

    Attributes:
        viewers: how many.
        mean_frames, least_frames: a second and viewer.
        steps: training steps a second, of all viewers' two networks.
        least_steps: training steps that the slowest viewer's networks made.
        errors: of all viewers.
        page_mb, page_mb_later: memory of the page process after settling, and at the end.
    """

    viewers: int
    mean_frames: float
    least_frames: float
    steps: float
    least_steps: int
    errors: int
    page_mb: float
    page_mb_later: float


def measure(viewers: int, seconds: float, app: App | None = None) -> Crowd:
    """Let `viewers` look at the app for `seconds`, after some seconds to settle."""
    if app is None:
        with running_app() as started:
            return measure(viewers, seconds, started)
    return asyncio.run(_measure(viewers, seconds, app))


async def _measure(count: int, seconds: float, app: App) -> Crowd:
    queries = [urlencode({"seed": 1000 * count + number, "steps": 100_000}) for number in range(count)]
    viewers = [Viewer(query) for query in queries]
    begin = time.monotonic()
    until = begin + SETTLING + seconds
    watching = [asyncio.create_task(viewer.watch(app.port, until)) for viewer in viewers]
    await asyncio.sleep(SETTLING)
    before = [(viewer.frames, viewer.step) for viewer in viewers]
    memory = proportional_set_size(app.pid)
    started = time.monotonic()
    await asyncio.gather(*watching)
    taken = time.monotonic() - started
    frames = [(viewer.frames - early[0]) / taken for viewer, early in zip(viewers, before, strict=True)]
    steps = [viewer.step - early[1] for viewer, early in zip(viewers, before, strict=True)]
    return Crowd(
        count,
        sum(frames) / count,
        min(frames),
        2 * sum(steps) / taken,
        min(steps),
        sum(len(viewer.errors) for viewer in viewers),
        memory,
        proportional_set_size(app.pid),
    )
