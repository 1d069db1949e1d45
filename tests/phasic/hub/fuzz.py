"""Feed the readers of the hub with bytes until the time is up.

``python tests/phasic/hub/fuzz.py SECONDS [FOLDER]``, with ``pip install atheris``, which leads inputs by what
of the readers they reach, and says at the end how many there were. What reached something new is kept in the
folder for the next run; so is an input that fails, as ``found-...``.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

with atheris.instrument_imports(include=["phasic.hub"]):
    from phasic.hub import artefact, entry
    from phasic.hub.entry import EntryError, read_index, write_index
    from phasic.hub.transport import SHIPPED

from test_artefact import DATA, check_harmless  # noqa: E402  (once the readers are watched)

_BEFORE = artefact._FRONT.size + struct.unpack_from("<I", DATA, 8)[0]  # of the arrays


def read(data: bytes) -> None:
    """Read an input as whatever its first byte says: an error of the hub, or what is right."""
    kind, rest = data[:1], data[1:]
    if kind == b"a":
        check_harmless(rest)
    elif kind == b"s":  # by somebody who seals what he has made
        check_harmless(rest + hashlib.sha256(rest).digest())
    elif kind == b"n":  # the numbers alone
        arrays = bytearray(DATA[_BEFORE:-32])
        for place in range(0, len(rest) - 2, 3):
            word, value = rest[place], struct.unpack_from("<h", rest, place + 1)[0]
            struct.pack_into("<i", arrays, 4 * word % (len(arrays) - 3) // 4 * 4, value)
        sealed = DATA[:_BEFORE] + bytes(arrays)
        check_harmless(sealed + hashlib.sha256(sealed).digest())
    else:
        try:
            entries, _ = read_index(rest)
        except EntryError:
            return
        again, complaints = read_index(write_index(entries.values()))
        assert (again, complaints) == (entries, [])


def main() -> None:
    seconds = int(sys.argv[1])
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="phasic-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [
        b"a" + DATA,
        b"s" + DATA[:-32],
        b"n" + bytes(30),
        b"i" + (SHIPPED / entry.INDEX).read_bytes()[:1500],
    ]
    first = next(iter(read_index((SHIPPED / entry.INDEX).read_bytes())[0].values()))
    claims = tuple(entry.Signature(f"ed25519:{n:064x}", f"{n:0128x}") for n in range(2))
    seeds += [b"i" + write_index([first]), b"i" + write_index([replace(first, signatures=claims)])]
    for seed in seeds:
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-rss_limit_mb=0",  # the fuzzer itself grows by a gigabyte in ten million inputs
        f"-artifact_prefix={folder}/found-",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
