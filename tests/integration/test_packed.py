"""Lists as their publishers pack them: each kind takes effect, told by its bytes and not by its
name, and what is cut, damaged or not one list leaves the old one in force."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from webserver import WebServer


def text_of(prefix):
    return "".join(f"{prefix}{i}@example.org\n" for i in range(200)).encode()


OLD, NEW = text_of("old"), text_of("new")


def zst(data):
    """A frame of blocks that are stored as they are: it needs no program."""
    blocks = [data[i : i + 1000] for i in range(0, len(data), 1000)]
    frame = b"\x28\xb5\x2f\xfd\x00\x50"
    for i, block in enumerate(blocks):
        frame += (len(block) << 3 | (i == len(blocks) - 1)).to_bytes(3, "little") + block
    return frame


def zipped(*lists, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for i, data in enumerate(lists):
            archive.writestr(f"../list{i}.txt", data)
    return out.getvalue()


KINDS = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zst,
    "bz2": bz2.compress,
    "zip": zipped,
}


def halves(pack):
    """Streams behind each other, as parallel packers write them."""
    return lambda data: pack(data[:1000]) + pack(data[1000:])


GOOD = {
    **KINDS,
    **{f"{kind}-twice": halves(pack) for kind, pack in KINDS.items() if kind != "zip"},
    "zip-stored": lambda data: zipped(data, method=zipfile.ZIP_STORED),
}


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


BAD = {
    **{f"{kind}-cut": pack(NEW)[: len(pack(NEW)) // 2] for kind, pack in KINDS.items()},
    **{f"{kind}-end": pack(NEW)[:-1] for kind, pack in KINDS.items()},
    **{f"{kind}-junk": pack(NEW) + b"<html>" for kind, pack in KINDS.items()},
    **{f"{kind}-flipped": flipped(pack(NEW)) for kind, pack in KINDS.items() if kind != "zst"},
    "packed-twice": gzip.compress(lzma.compress(NEW)),
    "zip-two": zipped(NEW, NEW),
    "zip-none": zipped(),
    "zip-lzma": zipped(NEW, method=zipfile.ZIP_LZMA),
    "bomb": gzip.compress(NEW * 15000),
    "max-bytes": gzip.compress(NEW + bytes(range(32, 127)) * 12000),
}


@pytest.fixture
def server(daemon):
    daemon.path = daemon.list_file("main", OLD.decode(), max_bytes="1M")
    daemon.start()
    daemon.wait_blocked("old199@example.org")
    return daemon


def give(server, data):
    fresh = server.path.with_name("fresh")
    fresh.write_bytes(data)
    fresh.rename(server.path)
    _, feed = server.refresh("main")
    return feed


def test_every_kind_is_taken(server):
    for i, (kind, pack) in enumerate(GOOD.items()):
        feed = give(server, pack(text_of(f"{kind}-")))
        assert feed["state"] in ("accepted", "unchanged"), (kind, feed)
        assert feed["entries"] == 200, (kind, i)
        assert server.blocks(f"{kind}-0@example.org"), kind
        assert server.blocks(f"{kind}-199@example.org"), kind
        assert not server.blocks("old0@example.org")


def test_what_is_not_whole_changes_nothing(server):
    for kind, data in BAD.items():
        feed = give(server, data)
        assert feed["state"] in ("refused", "failed"), (kind, feed)
        assert feed["last_error"], kind
        assert server.blocks("old0@example.org") and server.blocks("old199@example.org"), kind
        assert not server.blocks("new0@example.org"), kind
    feed = give(server, gzip.compress(NEW))
    assert feed["state"] in ("accepted", "unchanged"), feed
    assert server.blocks("new199@example.org")


@pytest.mark.parametrize("kind", KINDS)
def test_stored_copy_is_unpacked_again(server, kind):
    give(server, KINDS[kind](NEW))
    assert server.blocks("new0@example.org")
    server.stop()
    server.path.unlink()
    for saved in server.directory.glob("state/*"):
        if saved.is_file():
            saved.unlink()  # the index: it is built again from the copy
    server.start()
    server.wait_blocked("new0@example.org")
    assert server.blocks("new199@example.org") and not server.blocks("old0@example.org")


def test_packed_aper_with_packed_cleared_list(daemon):
    web = WebServer()
    try:
        rows = "".join(f"user{i}@example.org,A,20240101\n" for i in range(200))
        web.put("list", lzma.compress(rows.encode()))
        web.put("cleared", gzip.compress(b"user7@example.org,20240202\n"))
        web.start()
        cleared = web.url.rsplit("/", 1)[0] + "/cleared"
        daemon.feed("main", web.url, format="aper", cleared=cleared)
        daemon.start()
        daemon.wait_blocked("user8@example.org")
        assert not daemon.blocks("user7@example.org")
    finally:
        web.close()
