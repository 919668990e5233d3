#!/usr/bin/env python3
"""A proxy that records S3 requests and spoils some: what a client and a server make of a bad network.

Every Nth request is refused with 503 SlowDown and never reaches the server. Every other CompleteMultipartUpload reaches it,
is done, and the client is told 503 all the same: its next try must be answered as the first would have been.
The Host header passes as it is, so signatures stay right. Plain HTTP/1.1; a request and its answer are one after the other.
"""

import argparse
import asyncio
import json
import threading
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

REFUSAL = (b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.'
           b"</Message></Error>")
HEAD_BYTES = 1 << 20
# Clients that make nothing of a 503 to some requests, whoever sends it: these requests of theirs are left alone.
# The word is in the User-Agent; the reason is the client's.
SPARED = [
    # pyarrow tries again, but reads the first answer's error once more before the second's body, and takes that for the answer.
    ("aws-sdk-cpp", lambda method, names: method == "POST" and "uploadId" in names),
    # urllib3 repeats no POST, and MinIO's SDK does not ask it to: uploads, their ends and deletes of many fail at the first 503.
    ("minio-py", lambda method, names: method == "POST"),
]


class Head:
    """The first lines of a request or an answer, as they came, and what they say of the body after them."""

    def __init__(self, raw):
        self.raw = raw
        first, *lines = raw.decode("latin-1").split("\r\n")
        self.words = first.split(" ", 2)
        self.fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}

    @property
    def chunked(self):
        return "chunked" in self.fields.get("transfer-encoding", "").lower()

    @property
    def length(self):
        return int(self.fields["content-length"]) if "content-length" in self.fields else None

    @property
    def closes(self):
        return self.fields.get("connection", "").lower() == "close"


async def read_head(reader):
    """The next head; None when the other side has closed."""
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None


async def pass_bytes(reader, writer, count):
    while count > 0:
        part = await reader.read(min(count, 1 << 18))
        if not part:
            raise ConnectionError("the body ended early")
        count -= len(part)
        if writer:
            writer.write(part)
            await writer.drain()


async def pass_body(reader, writer, head, until_end=False):
    """Moves the body that `head` announces; to nowhere when there is no writer."""
    if head.chunked:
        while True:
            line = await reader.readuntil(b"\r\n")
            if writer:
                writer.write(line)
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            await pass_bytes(reader, writer, size + 2)
        while True:  # the trailers, and the empty line after them
            line = await reader.readuntil(b"\r\n")
            if writer:
                writer.write(line)
            if line == b"\r\n":
                break
    elif head.length is not None:
        await pass_bytes(reader, writer, head.length)
    elif until_end:
        while part := await reader.read(1 << 18):
            if writer:
                writer.write(part)
                await writer.drain()
    if writer:
        await writer.drain()


class FlakyProxy:
    """The proxy before the S3 at `endpoint`, on a port of its own, in a thread. Use it as a context manager."""

    def __init__(self, endpoint, every=15, record=None, listen=0):
        self.upstream = urlsplit(endpoint)
        self.every = every
        self.record = open(record, "w") if record else None
        self.listen = listen
        self.requests = self.refused = self.completes = self.lost = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        made = asyncio.start_server(self.serve, "127.0.0.1", self.listen, limit=HEAD_BYTES)
        self.server = asyncio.run_coroutine_threadsafe(made, self.loop).result(10)
        self.endpoint = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_):
        async def end():
            self.server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        if self.record:
            self.record.close()

    def summary(self):
        return (f"{self.requests} requests: {self.refused} were refused, of {self.completes} CompleteMultipartUpload "
                f"{self.lost} answers were lost")

    def fault(self, request):
        """What is to be done to this request: nothing, "refused" or "lost"."""
        self.requests += 1
        method, agent = request.words[0], request.fields.get("user-agent", "")
        names = [name for name, _ in parse_qsl(urlsplit(request.words[1]).query, keep_blank_values=True)]
        complete = method == "POST" and "uploadId" in names and "if-none-match" not in request.fields
        self.completes += complete
        if any(word in agent and spared(method, names) for word, spared in SPARED):
            return None
        if self.every and self.requests % self.every == 0:
            self.refused += 1
            return "refused"
        if complete and self.completes % 2:
            self.lost += 1
            return "lost"
        return None

    def tell(self, request, fault, status, begun):
        if self.record:
            target = urlsplit(request.words[1])
            query = [(name, "" if name.lower().startswith("x-amz-") else value)
                     for name, value in parse_qsl(target.query, keep_blank_values=True)]
            told = {"method": request.words[0], "path": target.path, "query": query, "status": status, "fault": fault,
                    "agent": request.fields.get("user-agent", ""), "milliseconds": round(1000 * (time.monotonic() - begun))}
            self.record.write(json.dumps(told) + "\n")
            self.record.flush()

    async def serve(self, reader, writer):
        """One client's connection, and one to the server for it."""
        back = None
        try:
            back = await asyncio.open_connection(self.upstream.hostname, self.upstream.port, limit=HEAD_BYTES)
            while (request := await read_head(reader)) and await self.answer(request, reader, writer, *back):
                pass
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, back and back[1]):
                if end:
                    end.close()

    async def refuse(self, writer, request, close):
        head = (f"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: {len(REFUSAL)}\r\n"
                f"x-amz-request-id: FLAKYPROXY\r\nConnection: {'close' if close else 'keep-alive'}\r\n\r\n")
        writer.write(head.encode() + (b"" if request.words[0] == "HEAD" else REFUSAL))
        await writer.drain()

    async def answer(self, request, reader, writer, back_reader, back_writer):
        """Whether the connection can take another request."""
        begun, fault = time.monotonic(), self.fault(request)
        if fault == "refused":
            waits = "expect" in request.fields  # its body has not been sent, and never will be
            if not waits:
                await pass_body(reader, None, request)
            self.tell(request, fault, 503, begun)
            await self.refuse(writer, request, waits)
            return not waits
        back_writer.write(request.raw)
        sending = asyncio.ensure_future(pass_body(reader, back_writer, request))
        try:
            while True:
                head = await read_head(back_reader)
                if head is None:
                    raise ConnectionError("the server closed")
                status = int(head.words[1])
                if status >= 200:
                    break
                writer.write(head.raw)
                await writer.drain()
            self.tell(request, fault, status, begun)
            to = None if fault == "lost" else writer
            if to:
                to.write(head.raw)
            bodiless = request.words[0] == "HEAD" or status in (204, 304)
            if not bodiless:
                await pass_body(back_reader, to, head, until_end=True)
            await writer.drain()
            if fault == "lost":
                await sending
                await self.refuse(writer, request, False)
            until_end = not bodiless and not head.chunked and head.length is None
            return sending.done() and not (head.closes or request.closes or until_end)
        finally:
            sending.cancel()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint", help="http://HOST:PORT of the S3")
    parser.add_argument("--listen", type=int, default=0, metavar="PORT")
    parser.add_argument("--every", type=int, default=15, metavar="N", help="refuse every Nth request; 0: none")
    parser.add_argument("--record", type=Path, help="a file for a line of JSON a request")
    given = parser.parse_args()
    with FlakyProxy(given.endpoint, given.every, given.record, given.listen) as proxy:
        print(proxy.endpoint, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(proxy.summary())


if __name__ == "__main__":
    main()
