"""Fetch one file over HTTP: whole, checked, and bounded in size, in time and in tries."""

import hashlib
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooch
from requests import RequestException
from tqdm import tqdm

from attn2seq.errors import UserError

Say = Callable[[str], None]
# No text corpus for a recurrent model is larger; a wrong address might never end.
MAX_FILE_BYTES = 20 << 30
# A server that says nothing for so long hangs.
SILENCE_SECONDS = 30
# One that gives less than a chunk in so long will not end either, though it is never silent. With
# three retries a server that hangs is given up after 126 s, one that drips after 246 s.
SLOWNESS_SECONDS = 60
MAX_WAIT_SECONDS = 3
_CHUNK_BYTES = 1 << 14
_LEFTOVER_SECONDS = 24 * 3600
# Answers below 500 that may be others soon: request timeout, too early, too many requests.
_PASSING = (408, 425, 429)


class FetchError(Exception):
    """An address that does not give the file; `lasts` where another try would be in vain."""

    def __init__(self, reason: str, lasts: bool = False) -> None:
        super().__init__(reason)
        self.lasts = lasts


def fetch(address: str, digest: str | None, cache: Path, retries: int, say: Say) -> Path:
    """The file of that digest in the cache, fetched where it is not there yet.

    A digest is a sha256, or `md5:` and an md5. Without one the file is fetched in any case, and
    named by its sha256.

    What may pass (an error within the server, a connection cut, silence) is tried again, after 1 s,
    then 2 s, then 3 s each; what will not (404, no server there, the same wrong bytes twice), not.
    Raises FetchError where the address does not give the file, OSError where the cache cannot be
    written.
    """
    pooch.get_logger().setLevel("WARNING")
    kind, name = (digest or "").rpartition(":")[0] or "sha256", (digest or "").rpartition(":")[2]
    if not name or not (cache / name).is_file():
        say(f"fetching {address}")
    store = pooch.create(
        path=cache,
        base_url="",
        registry={name: f"{kind}:{name}"},
        urls={name: address},
    )
    _remove_leftovers(cache)
    given: set[str] = set()

    def download(address: str, output: str, _: Any) -> None:
        size, found = _download(address, Path(output), kind)
        if found != name:
            said = f"gave {size:,} bytes with {kind} {found}, but the catalogue says {name}"
            lasts = found in given
            given.add(found)
            raise FetchError(f"{said}: cut short, damaged or another version", lasts)

    def keep_as_it_comes() -> Path:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            _, found = _download(address, Path(scratch, "file"), kind)
            return Path(scratch, "file").replace(cache / found)

    for number in range(1, retries + 2):
        try:
            return Path(store.fetch(name, downloader=download)) if name else keep_as_it_comes()
        except FetchError as error:
            if error.lasts or number > retries:
                raise
            wait = min(number, MAX_WAIT_SECONDS)
            say(f"{address}: {error}; trying again in {wait} s ({number} of {retries})")
            time.sleep(wait)
    raise AssertionError("unreachable")


def _remove_leftovers(cache: Path) -> None:
    """Take away what killed downloads left behind; one that goes on is younger than a day."""
    for path in cache.glob("tmp*"):
        if path.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _download(address: str, output: Path, kind: str) -> tuple[int, str]:
    """Write what the address gives; its size and its digest of that kind.

    A thread does the work, and is left behind where the server drips: a socket's timeout begins
    anew with each byte, so that it never ends.
    """
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    with (
        output.open("wb") as file,
        tqdm(total=1, unit="B", unit_scale=True, leave=False, disable=None) as bar,
    ):
        sink = _Sink(file, address, kind)

        def work() -> None:
            downloader = pooch.HTTPDownloader(
                progressbar=bar,
                chunk_size=_CHUNK_BYTES,
                timeout=SILENCE_SECONDS,
                hooks={"response": _refuse_downgrade} if address.startswith("https://") else {},
            )
            try:
                downloader(address, sink, None)
            except BaseException as error:
                ended.put(error)
            else:
                ended.put(None)

        threading.Thread(target=work, daemon=True).start()
        error = _wait(ended, sink)
    if isinstance(error, RequestException):
        raise _explained(error) from None
    if error is not None:
        raise error
    return sink.size, sink.digest.hexdigest()


def _wait(ended: "queue.SimpleQueue[BaseException | None]", sink: "_Sink") -> BaseException | None:
    """What the download ended with. Raises FetchError where it does not get on."""
    while True:
        before = sink.size
        try:
            return ended.get(timeout=SLOWNESS_SECONDS)
        except queue.Empty:
            if sink.size == before:
                raise FetchError(
                    f"too slow: less than {_CHUNK_BYTES:,} bytes in {SLOWNESS_SECONDS} s"
                ) from None


def _explained(error: RequestException) -> FetchError:
    """In plain words: by the answer's status, or else by the innermost cause, since the outer ones
    only say that something failed.
    """
    answer = error.response
    if answer is not None and answer.status_code >= 400:
        lasts = answer.status_code < 500 and answer.status_code not in _PASSING
        return FetchError(f"{answer.status_code} {answer.reason}", lasts)
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    if isinstance(cause, TimeoutError):
        return FetchError(f"sent nothing for {SILENCE_SECONDS} s")
    if hasattr(cause, "partial"):  # what http.client and urllib3 have in common
        return FetchError("the connection closed before the end of the file")
    lasts = isinstance(cause, ConnectionRefusedError)
    return FetchError(str(cause) or type(cause).__name__, lasts)


def _refuse_downgrade(response: Any, *_: Any, **__: Any) -> None:
    """Called for each answer: a redirection must not leave https."""
    if str(response.headers.get("location", "")).startswith("http://"):
        raise UserError(
            f"{response.url} redirects to an address without https, which is not followed"
        )


class _Sink:
    """A file that takes no more than MAX_FILE_BYTES, and knows what it took."""

    def __init__(self, file: Any, address: str, kind: str) -> None:
        self._file, self._address = file, address
        self.size, self.digest = 0, hashlib.new(kind)

    def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > MAX_FILE_BYTES:
            raise UserError(f"{self._address} is larger than {MAX_FILE_BYTES:,} bytes")
        self.digest.update(data)
        self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
