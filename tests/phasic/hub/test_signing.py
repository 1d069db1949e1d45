"""Signatures: one by the key over everything that is published, and the rules of what is taken."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registries import islands

import phasic
from phasic import Graph, HubError, HubWarning, OptionError, list_computes, models
from phasic.compute_repository import _param_compute_cache_dir
from phasic.hub import checking, keys
from phasic.hub.directory import Directory
from phasic.hub.entry import INDEX, MOST_SIGNATURES, Entry, EntryError, Signature, read_index, write_index
from phasic.hub.errors import SignatureError
from phasic.hub.keys import SigningKey, TrustedKeys
from phasic.hub.publishing import countersign
from phasic.hub.signatures import described, sign, signers, statement

pytest.importorskip("cryptography")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> list[SigningKey]:
    """Three keys: Ada's, Bob's, and that of somebody who means harm."""
    folder = tmp_path_factory.mktemp("keys")
    return [SigningKey.make(folder / name) for name in ("ada", "bob", "mallory")]


@pytest.fixture
def entry(folder) -> Entry:
    return read_index((folder / INDEX).read_bytes())[0]["islands"]


def published(folder, entry: Entry) -> None:
    (folder / INDEX).write_bytes(write_index([entry]))


def pulled(folder, **settings) -> bool | str:
    """What pulling gives under these settings: True, or why not."""
    with phasic.configure(registry=folder, **settings):
        try:
            return islands().pull_cache(force=True)
        except HubWarning as warning:
            return str(warning)


def test_a_signature_is_of_the_key_and_the_entry_and_comes_back(entry, made):
    signed = sign(sign(entry, made[0]), made[1])
    assert signers(signed) == [made[0].public, made[1].public]
    assert sign(signed, made[0]).signatures[::-1] == signed.signatures
    again, complaints = read_index(write_index([signed]))
    assert complaints == []
    assert again["islands"] == signed
    assert statement(signed) == statement(entry)
    assert signed.content() == {
        **entry.content(),
        "signatures": [{"key": one.key, "signature": one.signature} for one in signed.signatures],
    }


def test_entries_without_signatures_are_written_as_they_always_were(entry):
    assert "signatures" not in entry.content()


def altered(entry: Entry):
    """Yield entries that differ from this one in one thing."""
    yield replace(entry, compute_id="other")
    yield replace(entry, graph_hash="0" * 64)
    yield replace(entry, sha256="0" * 64)
    yield replace(entry, size_bytes=entry.size_bytes + 1)
    yield replace(entry, format_revision=2)
    for name, value in entry.metadata.items():
        yield replace(entry, metadata={**entry.metadata, name: value + type(value)(1)})
        yield replace(entry, metadata={k: v for k, v in entry.metadata.items() if k != name})
    yield replace(entry, metadata={**entry.metadata, "tags": ["a"]})


def test_a_signature_is_of_nothing_else(entry, made):
    signed = sign(entry, made[0])
    others = list(altered(signed))
    assert len({statement(other) for other in [signed, *others]}) == len(others) + 1
    for other in others:
        with pytest.raises(SignatureError, match="is wrong"):
            signers(other)


@settings(max_examples=40)
@given(st.integers(0, 1023))
def test_no_bit_of_a_signature_or_key_can_be_another(made, bit):
    entry = Entry("x", "1" * 64, "2" * 64, 3, {"description": "x"})
    (one,) = sign(entry, made[0]).signatures
    digits = list(one.signature + one.key.removeprefix("ed25519:") * 2)  # half of the bits each
    digits[bit // 4] = f"{int(digits[bit // 4], 16) ^ 1 << bit % 4:x}"
    signature, key = "".join(digits[:128]), "".join(digits[128:192])
    if bit >= 768:
        key = "".join(digits[192:])
    with pytest.raises(SignatureError, match="is wrong"):
        signers(replace(entry, signatures=(Signature(f"ed25519:{key}", signature),)))


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        [],
        "x",
        [None],
        [{"key": "ed25519:" + "0" * 64}],
        [{"key": "ed25519:" + "0" * 63 + "G", "signature": "0" * 128}],
        [{"key": "ed25519:" + "A" * 64, "signature": "0" * 128}],
        [{"key": "rsa:" + "0" * 64, "signature": "0" * 128}],
        [{"key": "ed25519:" + "0" * 64, "signature": "0" * 127}],
        [{"key": "ed25519:" + "0" * 64, "signature": "0" * 128, "more": 1}],
        [{"key": "ed25519:" + "0" * 64, "signature": "0" * 128}] * 2,
        [{"key": f"ed25519:{n:064x}", "signature": "0" * 128} for n in range(MOST_SIGNATURES + 1)],
    ],
)
def test_what_is_no_list_of_signatures_is_no_entry(entry, content):
    with pytest.raises(EntryError):
        Entry.of("x", {**entry.content(), "signatures": content})


def test_no_more_signatures_are_made_than_are_read(entry, made):
    many = tuple(Signature(f"ed25519:{n:064x}", "0" * 128) for n in range(MOST_SIGNATURES))
    with pytest.raises(SignatureError, match="has 10 signatures"):
        sign(replace(entry, signatures=many), made[0])


# -- what is taken -------------------------------------------------------------------------------------


def test_what_is_taken_follows_from_who_has_signed(folder, entry, made):
    ada, bob, mallory = (key.public for key in made)
    wrong = replace(entry, signatures=(Signature(ada, sign(entry, made[2]).signatures[0].signature),))
    by_ada, by_mallory, by_both = (
        sign(entry, made[0]),
        sign(entry, made[2]),
        sign(sign(entry, made[2]), made[0]),
    )
    nobody: list[str] = []
    revoking = [ada, f"revoked {mallory}"]
    for shown, trusted, required, expected in (
        (entry, nobody, False, True),
        (entry, [ada], False, True),
        (entry, [ada], True, "is not signed"),
        (entry, nobody, True, "is not signed"),
        (by_ada, nobody, False, True),
        (by_ada, [ada], True, True),
        (by_ada, [bob], False, True),
        (by_ada, [bob], True, "none of these is trusted"),
        (by_ada, nobody, True, "none of these is trusted"),
        (by_mallory, revoking, False, "was revoked"),
        (by_mallory, revoking, True, "was revoked"),
        (by_mallory, [mallory, f"revoked {mallory}"], True, "was revoked"),
        (by_both, revoking, True, True),
        (by_both, [bob, f"revoked {mallory}"], False, "was revoked"),
        (wrong, nobody, False, "is wrong"),
        (wrong, [ada], False, "is wrong"),
        (wrong, [bob], True, "is wrong"),
        (
            replace(by_mallory, signatures=(*by_mallory.signatures, *wrong.signatures)),
            [mallory],
            False,
            "wrong",
        ),
    ):
        published(folder, shown)
        phasic.hub.registry._said.clear()
        said = pulled(folder, trusted_keys=trusted, require_signatures=required)
        assert said is True if expected is True else expected in str(said), (
            shown.signatures,
            trusted,
            required,
        )


def test_what_is_refused_is_not_kept_and_the_next_registry_is_asked(folder, entry, made, tmp_path):
    published(folder, entry)
    islands().push_cache(id="again", description="x", author="A", registry=tmp_path / "other")
    countersign(Directory(tmp_path / "other"), "again", made[0])
    only_hers = {"require_signatures": True, "trusted_keys": made[0].public}
    with (
        phasic.configure(registry=[folder, tmp_path / "other"], **only_hers),
        pytest.warns(HubWarning, match="is not signed"),
    ):
        assert islands().pull_cache() is True
    with phasic.configure(registry=folder, require_signatures=True):
        phasic.hub.registry._said.clear()
        with pytest.warns(HubWarning, match="is not signed"):  # whatever was kept before
            assert islands().pull_cache() is False


def test_what_was_kept_is_taken_again_once_its_signature_is_seen(web, folder, entry, made):
    published(folder, sign(entry, made[0]))
    with phasic.configure(require_signatures=True, trusted_keys=made[0].public):
        assert islands().pull_cache()
        web.asked.clear()
        assert islands().pull_cache()
    assert web.asked == [f"/{INDEX}"]


def test_what_comes_with_the_package_needs_no_signature():
    with phasic.configure(require_signatures=True):
        assert Graph(models.lineages(5)).pull_cache()


def test_the_list_says_who_has_signed_and_leaves_out_what_is_wrong(folder, entry, made):
    published(folder, sign(entry, made[0]))
    with phasic.configure(registry=folder):
        assert [found["signed_by"] for found in list_computes()] == [[made[0].public]]
        published(folder, replace(sign(entry, made[0]), size_bytes=1))
        assert list_computes() == []


@pytest.mark.parametrize("trusted", [None, "list"])
def test_without_the_package_nothing_is_taken_that_would_have_to_be_verified(
    folder, entry, made, monkeypatch, trusted
):
    published(folder, sign(entry, made[0]))
    for name in list(sys.modules):
        if name.partition(".")[0] == "cryptography":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setattr(keys, "can_verify", lambda: False)
    expected = "pip install 'hashcache[signing]'"
    assert trusted is None or expected in str(pulled(folder, trusted_keys=[made[0].public]))
    phasic.hub.registry._said.clear()
    assert expected in str(pulled(folder, require_signatures=True))
    assert pulled(folder) is True
    with phasic.configure(registry=folder):
        assert "signed_by" not in list_computes()[0]
    assert any(expected in line for line in checking.check(folder))


# -- publishing ----------------------------------------------------------------------------------------


def test_a_signed_entry_is_published_and_signing_later_adds_to_it(tmp_path, made):
    root, options = tmp_path / "r", {"id": "x", "description": "x", "author": "A"}
    SigningKey.make(tmp_path / "mine")
    plain = islands().push_cache(**options, registry=root)
    before = (root / INDEX).read_bytes()
    shown = islands().push_cache(**options, registry=root, sign=tmp_path / "mine", dry_run=True)
    assert (root / INDEX).read_bytes() == before
    assert islands().push_cache(**options, registry=root, sign=tmp_path / "mine") == shown
    (signed,) = read_index((root / INDEX).read_bytes())[0].values()
    assert signed.to_json() == shown != plain
    written = (root / INDEX).read_bytes()
    islands().push_cache(**options, registry=root)  # nor does who does not sign take a signature away
    islands().push_cache(**options, registry=root, sign=tmp_path / "mine")
    assert (root / INDEX).read_bytes() == written
    countersign(Directory(root), "x", made[0])
    (twice,) = read_index((root / INDEX).read_bytes())[0].values()
    assert signers(twice) == [*signers(signed), made[0].public]
    assert checking.check(root) == []


def test_an_entry_never_gets_more_signatures_than_are_read(folder, entry, made, tmp_path):
    many = tuple(Signature(f"ed25519:{n:064x}", "0" * 128) for n in range(MOST_SIGNATURES))
    published(folder, replace(entry, signatures=many))
    before = (folder / INDEX).read_bytes()
    SigningKey.make(tmp_path / "mine")
    options = {"id": "islands", "description": "Two islands", "author": "A <a@example.org>"}
    with pytest.raises(HubError, match="as many signatures as are read"):
        islands().push_cache(**options, registry=folder, sign=tmp_path / "mine")
    assert (folder / INDEX).read_bytes() == before


def test_only_what_recording_gives_is_countersigned(folder, made):
    from test_checking import replaced, swapped

    replaced(folder, swapped)
    before = (folder / INDEX).read_bytes()
    with pytest.raises(HubError, match="another than recording gives"):
        countersign(Directory(folder), "islands", made[0])
    with pytest.raises(HubError, match="no entry 'nothing'"):
        countersign(Directory(folder), "nothing", made[0])
    assert (folder / INDEX).read_bytes() == before


def test_a_check_finds_signatures_that_are_wrong_or_missing(folder, entry, made):
    signed = sign(entry, made[0])
    published(folder, signed)
    assert checking.check(folder) == []
    with phasic.configure(require_signatures=True, trusted_keys=made[0].public):
        assert checking.check(folder) == []
        published(folder, entry)
        assert "is not signed" in checking.check(folder)[0]
    published(folder, replace(signed, metadata={**signed.metadata, "license": "none"}))
    assert "is wrong" in checking.check(folder)[0]


# -- keys ----------------------------------------------------------------------------------------------


def test_a_key_is_the_owners_alone_and_never_replaced(tmp_path):
    path = tmp_path / "new" / "key.pem"
    key = SigningKey.make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert SigningKey.read(path).public == key.public
    with pytest.raises(SignatureError, match="not replaced"):
        SigningKey.make(path)
    assert SigningKey.read(path).public == key.public
    path.chmod(0o640)
    with pytest.raises(SignatureError, match="others may read"):
        SigningKey.read(path)


def test_what_is_no_key_is_said(tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

    path = tmp_path / "key.pem"
    with pytest.raises(SignatureError, match="hub key new"):
        SigningKey.read(path)
    path.touch(0o600)
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    for data in (b"", b"\xff", locked):
        path.write_bytes(data)
        with pytest.raises(SignatureError, match="no key that can be read"):
            SigningKey.read(path)
    path.write_bytes(
        x25519.X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(SignatureError, match="another kind"):
        SigningKey.read(path)


def test_a_list_of_keys_is_a_key_a_line():
    one, two, three = (f"ed25519:{n:064x}" for n in range(3))
    ours = f"# ours\n\n{one} Ada Lovelace <ada@example.org>  # since May\n{two}"
    text = f"{ours}\nrevoked {three} lost\n{three} Bob"
    found = TrustedKeys.of(text.splitlines(), "list")
    assert [found.is_trusted(key) for key in (one, two, three)] == [True, True, False]
    assert [found.is_revoked(key) for key in (one, two, three)] == [False, False, True]
    assert [found.what(key) for key in (one, two, three, "x")] == [
        *("Ada Lovelace <ada@example.org>", "trusted", "revoked", "not known here")
    ]
    for wrong in (
        "revoked",
        f"{one}0",
        one.upper(),
        "ed25519:",
        f"ssh-{one}",
        f"\ufeff{one}",
        f"{one} A\x1b[2J",
    ):
        with pytest.raises(SignatureError, match="no line with a key"):
            TrustedKeys.of([wrong], "list")


def test_the_users_own_list_counts_unless_another_is_configured(folder, entry, made, tmp_path):
    published(folder, sign(entry, made[0]))
    ada, bob, _ = (key.public for key in made)
    assert "none of these is trusted" in str(pulled(folder, require_signatures=True))
    assert keys.trust(ada, "Ada L") == keys.trusted_file()
    assert pulled(folder, require_signatures=True) is True
    (tmp_path / "list").write_text(f"{ada} Ada\n")
    assert pulled(folder, require_signatures=True, trusted_keys=[bob, tmp_path / "list"]) is True
    keys.trust(ada, revoked=True)
    phasic.hub.registry._said.clear()
    assert "was revoked" in str(pulled(folder))
    with pytest.raises(SignatureError, match="no line with a key"):
        keys.trust("ada")


@pytest.mark.parametrize("content", [None, b"\xff", b"nonsense\n"])
def test_a_list_that_cannot_be_read_trusts_nobody(folder, entry, made, tmp_path, content):
    published(folder, sign(entry, made[0]))
    if content is not None:
        (tmp_path / "list").write_bytes(content)
    assert "is passed over" in str(pulled(folder, trusted_keys=tmp_path / "list"))


@pytest.mark.parametrize("chosen", [3, [3], [""], None, {"a": 1}])
def test_what_are_no_keys_cannot_be_configured(chosen):
    before = phasic.get_config()
    with pytest.raises(OptionError, match="trusted_keys"):
        phasic.configure(trusted_keys=chosen)
    with pytest.raises(OptionError, match="require_signatures"):
        phasic.configure(require_signatures="yes")
    assert phasic.get_config() == before


def test_described_says_it_in_words(entry, made):
    signed = sign(entry, made[0])
    assert described(entry) == "not signed"
    with phasic.configure(trusted_keys=[f"{made[0].public} Ada"]):
        assert described(signed) == f"signed by {made[0].public} (Ada)"
    assert "is wrong" in described(replace(signed, size_bytes=1))


def test_what_is_signed_is_one_text_whoever_wrote_the_index(entry):
    shuffled = json.loads(json.dumps(entry.content()), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert statement(Entry.of("islands", shuffled)) == statement(entry)
    assert not _param_compute_cache_dir().exists()
