"""How is text in another encoding read as UTF-8?

The rest of this room knows UTF-8 alone.  A stream is decoded piece by piece, so memory does not
grow with the file.  Bytes that mean nothing in the encoding become bytes that mean nothing in
UTF-8, so that their row is refused like any other that is not text.
"""

from __future__ import annotations

import codecs
import io
from typing import Any

from twitchnet.errors import Problem, RecordError

PIECE = 1 << 18
"""Bytes that are decoded at once: a piece of text takes up to 4 MB of memory."""

NO_TEXT = "twitchnet.no_text"
codecs.register_error(NO_TEXT, lambda error: ("\udcff", getattr(error, "end", 0)))


def check_encoding(name: str) -> None:
    """Raises ``RecordError`` unless Python decodes text of this encoding in pieces.

    >>> check_encoding("cp1252")
    """
    try:
        b"a\n".decode(name, NO_TEXT)  # b"" would be decoded by any name
        codecs.getincrementaldecoder(name)(NO_TEXT)
    except (LookupError, ValueError):
        message = f"no encoding of text is called {name[:80]!r}"
        hint = "such as cp1252, latin-1 or utf-16"
        raise RecordError([Problem("TN210", message, hint=hint)]) from None


def recoded_head(head: bytes, encoding: str) -> bytes:
    r"""The beginning of a text as UTF-8; a character that is cut off at its end is left out.

    >>> recoded_head(b"\xfcber", "cp1252").decode(), recoded_head(b"\x81", "cp1252")
    ('über', b'\xed\xb3\xbf')
    """
    return _decode(codecs.getincrementaldecoder(encoding)(NO_TEXT), head, False)


def recoded(stream: Any, encoding: str) -> io.BufferedReader:
    """A stream of bytes in an encoding as a stream of UTF-8."""
    return io.BufferedReader(_Recoded(stream, encoding), PIECE)


def not_text(encoding: str) -> tuple[str, str]:
    """What is wrong with text that cannot be decoded, and what to do.

    >>> not_text("")
    ('not UTF-8 text', 'give its encoding, such as --encoding cp1252')
    """
    if encoding:
        return f"not {encoding} text", "is it in another encoding?"
    return "not UTF-8 text", "give its encoding, such as --encoding cp1252"


def _decode(decoder: Any, data: bytes, is_last: bool) -> bytes:
    try:
        text: str = decoder.decode(data, is_last)
    except UnicodeError as error:  # as a whole: UTF-16 without a byte order mark
        raise OSError(str(error)) from None
    return text.encode("utf-8", "surrogatepass")


class _Recoded(io.RawIOBase):
    """Bytes that are decoded when they are asked for."""

    def __init__(self, stream: Any, encoding: str) -> None:
        self.stream = stream
        self.decoder = codecs.getincrementaldecoder(encoding)(NO_TEXT)
        self.left = memoryview(b"")
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.left and not self.ended:
            data = self.stream.read(PIECE)
            self.ended = not data
            self.left = memoryview(_decode(self.decoder, data, self.ended))
        count = min(len(buffer), len(self.left))
        buffer[:count] = self.left[:count]
        self.left = self.left[count:]
        return count
