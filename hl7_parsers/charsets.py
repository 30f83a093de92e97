"""From the bytes of a message to its text. MSH-18 is a hint: it is wrong too often to be an authority."""

from __future__ import annotations

import codecs

_ESCAPE, _NUL = 0x1B, 0
_UTF_8_MARK = codecs.BOM_UTF8
_FIELDS_READ = 18  # as far as MSH-18
_HEADER_MAX = 4096  # bytes in which MSH-18 is looked for

# Table 0211 and what senders write in its place, lower case without blanks, dashes and slashes, to a Python codec.
_CODECS = {
    "ascii": "ascii",
    "8859": "iso8859_1",
    **{f"8859{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    **{f"iso8859{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    **{f"windows{page}": f"cp{page}" for page in (1250, 1251, 1252, 1253, 1254)},
    "shiftjis": "cp932",
    "isoir14": "cp932",
    "eucjp": "euc_jp",
    "gb180302000": "gb18030",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "ksx1001": "euc_kr",
    "big5": "big5",
}


def decode(raw: bytes) -> tuple[str, str]:
    """Return the text of a message and the name of the character set that it was read with.

    Never fails: a byte that fits nowhere is read as Latin-1, and NUL is left out. UTF-8 is tried before the set that
    MSH-18 names, since text of another set is practically never valid UTF-8.
    """
    if raw.isascii() and _NUL not in raw:
        return _decode_ascii(raw)
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return raw.decode("utf-16", "replace").replace("\0", ""), "utf-16"
    if _NUL in raw:
        wide = _wide(raw)
        if wide:
            return raw.decode(wide, "replace").replace("\0", ""), wide
        raw = raw.replace(b"\0", b"")
    if raw.startswith(_UTF_8_MARK):
        raw = raw[len(_UTF_8_MARK) :]
    if raw.isascii():
        return _decode_ascii(raw)
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _decode_other(raw)


def _wide(raw: bytes) -> str:
    """UTF-16 without its mark: every other byte of the header is zero."""
    start = raw.lstrip(b"\x0b\r\n")[:8]
    if start.startswith(b"M\0S\0H\0"):
        return "utf-16-le"
    return "utf-16-be" if start.startswith(b"\0M\0S\0H") else ""


def _decode_ascii(raw: bytes) -> tuple[str, str]:
    if _ESCAPE in raw:
        try:
            return raw.decode("iso2022_jp_ext"), "iso-2022-jp"
        except UnicodeDecodeError:
            pass
    return raw.decode("ascii"), "ascii"


def _decode_other(raw: bytes) -> tuple[str, str]:
    for codec in (_hinted(raw), "cp1252"):
        if codec:
            try:
                return raw.decode(codec), codec
            except UnicodeDecodeError:
                continue
    return raw.decode("latin-1"), "latin-1"


def _hinted(raw: bytes) -> str:
    """The codec of the first repetition of MSH-18 that is known, or nothing."""
    start = raw.find(b"MSH")
    header = raw[start : start + _HEADER_MAX].replace(b"\n", b"\r").partition(b"\r")[0]
    fields = header.split(header[3:4], _FIELDS_READ) if len(header) > 3 else []
    if len(fields) < _FIELDS_READ:
        return ""
    for name in fields[_FIELDS_READ - 1].decode("latin-1").split("~"):
        plain = "".join(c for c in name.lower() if c.isalnum())
        if plain in _CODECS:
            return _CODECS[plain]
    return ""
