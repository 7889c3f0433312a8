"""The writer: one thread that commits everything that arrived during its last commit (natural batching)."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from consentkit.errors import StoreUnavailable
from consentkit.proof.entry import Draft, Record
from consentkit.proof.forked import anew
from consentkit.proof.request import AnyWaiting, Request
from consentkit.proof.sequence import Sequencer

MAX_BATCH = 4096


class Writer:
    """A bounded queue in front of a Sequencer; its thread starts with the first request, anew in a fork."""

    def __init__(self, make: Callable[[], Sequencer], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._reset()
        anew(self._reset)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[Request] = deque()
        self._waiting = 0
        self._closed = False
        self._thread: threading.Thread | None = None
        self._sequencer = self._make()

    def submit(
        self, records: Sequence[Record], expected_size: int | None, after: int | None, waiting: AnyWaiting
    ) -> AnyWaiting:
        """Have records appended; who waits is answered when they are durable, or at once if they can't be."""
        request, refused = Request(list(map(Draft.of, records)), expected_size, after, waiting), None
        with self._changed:
            if self._closed:
                refused = StoreUnavailable("the log is closed")
            elif self._queue and self._waiting + len(request.drafts) > self._limit:
                refused = StoreUnavailable("too many records are waiting to be written", 1)
            else:
                self._queue.append(request)
                self._waiting += len(request.drafts)
                self._changed.notify()
                self._start()
        if refused:
            waiting.set_exception(refused)
        return waiting

    def close(self) -> None:
        """Write what waits, publish the last checkpoint, stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="consentkit-writer", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            running = [request for request in batch if request.begin()]
            if running:
                self._sequencer.run(running)
            elif not batch:
                self._sequencer.publish()
        self._sequencer.publish()

    def _take(self) -> list[Request] | None:
        """Wait for what is to be written, or until something is to be published: []; None: it is all over."""
        with self._changed:
            while not self._queue:
                if self._closed:
                    return None
                patience = self._sequencer.patience
                if patience == 0:
                    return []
                self._changed.wait(patience)
            batch: list[Request] = []
            count = 0
            while self._queue and (not batch or count + len(self._queue[0].drafts) <= MAX_BATCH):
                count += len(self._queue[0].drafts)
                batch.append(self._queue.popleft())
            self._waiting -= count
            return batch
