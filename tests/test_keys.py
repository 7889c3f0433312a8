"""The keys folder: private, whole, made once, and guarding the log's high water."""

import hmac
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from consentkit.errors import ConfigurationError, StoreUnavailable
from consentkit.proof.keys import Keys, recorded_origin, used
from consentkit.proof.note import Verifier, open_note, sign_note
from consentkit.proof.sqlite import SqliteStore

ORIGIN = "shop.example/consent"


def test_a_new_folder_is_private_and_opens_again(tmp_path: Path) -> None:
    made = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    again = Keys.open(tmp_path / "keys", ORIGIN, create=False)
    assert again.vkey == made.vkey
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "keys").iterdir()}
    assert modes == {"signing.pem": 0o600, "lookup.key": 0o600, "origin": 0o600}
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]
    assert recorded_origin(tmp_path / "keys") == ORIGIN


def test_nothing_is_created_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no keys folder"):
        Keys.open(tmp_path / "keys", ORIGIN, create=False)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    Keys.open(tmp_path / "keys", ORIGIN, create=True)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_creating_keeps_the_keys_that_are_there(tmp_path: Path) -> None:
    first = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    assert Keys.open(tmp_path / "keys", ORIGIN, create=True).vkey == first.vkey


def test_workers_that_create_at_once_end_up_with_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: Keys.open(tmp_path / "keys", ORIGIN, create=True).vkey, range(8)))
    assert len(set(opened)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize("name", ["signing.pem", "lookup.key", "origin"])
@pytest.mark.parametrize("damage", ["gone", "empty", "open"])
def test_a_damaged_folder_is_refused_by_name(tmp_path: Path, name: str, damage: str) -> None:
    Keys.open(tmp_path / "keys", ORIGIN, create=True)
    file = tmp_path / "keys" / name
    if damage == "gone":
        file.unlink()
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        file.chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"keys"):
        Keys.open(tmp_path / "keys", ORIGIN, create=False)


def test_a_folder_others_can_enter_is_refused(tmp_path: Path) -> None:
    Keys.open(tmp_path / "keys", ORIGIN, create=True)
    (tmp_path / "keys").chmod(0o750)
    with pytest.raises(ConfigurationError, match="chmod"):
        Keys.open(tmp_path / "keys", ORIGIN, create=False)


def test_keys_of_another_log_are_refused_with_both_names(tmp_path: Path) -> None:
    Keys.open(tmp_path / "keys", ORIGIN, create=True)
    with pytest.raises(ConfigurationError, match=r"shop\.example/consent.*other\.example"):
        Keys.open(tmp_path / "keys", "other.example", create=False)


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_no_note_can_carry_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ConfigurationError):
        Keys.open(tmp_path / "keys", origin, create=True)
    assert list(tmp_path.iterdir()) == []


def test_the_key_signs_notes_and_is_plain_pkcs8(tmp_path: Path) -> None:
    keys = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    note = sign_note("text\n", keys.verifier, keys.sign)
    assert open_note(note, [Verifier.parse(keys.vkey)]) == "text\n"
    pem = load_pem_private_key((tmp_path / "keys" / "signing.pem").read_bytes(), None)
    assert isinstance(pem, Ed25519PrivateKey)


def test_a_lookup_tag_is_a_truncated_hmac_under_the_folders_key(tmp_path: Path) -> None:
    keys = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    secret = (tmp_path / "keys" / "lookup.key").read_bytes()
    assert keys.lookup(b"cid") == hmac.digest(secret, b"cid", "sha256")[:16]
    assert keys.lookup(b"other") != keys.lookup(b"cid")


def test_the_guard_moves_only_from_what_one_saw(tmp_path: Path) -> None:
    keys = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    assert keys.guard() is None
    assert keys.swap_guard(None, "one")
    assert keys.swap_guard(None, "one")
    assert not keys.swap_guard(None, "two")
    assert not keys.swap_guard("zero", "two")
    assert keys.guard() == "one"
    assert keys.swap_guard("one", "two")
    assert stat.S_IMODE((tmp_path / "keys" / "guard").stat().st_mode) == 0o600


def test_of_many_that_swap_at_once_one_wins(tmp_path: Path) -> None:
    keys = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda i: keys.swap_guard(None, str(i)), range(16)))
    assert won.count(True) == 1
    assert keys.guard() == str(won.index(True))


def test_an_unwritable_guard_raises_and_leaves_no_debris(tmp_path: Path) -> None:
    keys = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    (tmp_path / "keys" / "guard").mkdir()
    with pytest.raises(ConfigurationError, match="guard can't be read: Is a directory"):
        keys.swap_guard(None, "one")
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        "guard",
        "lookup.key",
        "origin",
        "signing.pem",
    ]


def test_a_guard_that_is_no_text_reads_as_something_that_is_no_checkpoint(tmp_path: Path) -> None:
    keys = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    (tmp_path / "keys" / "guard").write_bytes(b"\xff\xfe")
    assert keys.guard() == "\N{REPLACEMENT CHARACTER}" * 2


def test_a_guard_is_written_aside_before_it_is_swapped_in(tmp_path: Path) -> None:
    keys = Keys.open(tmp_path / "keys", ORIGIN, create=True)
    with keys.guard_ready(None, "one") as swap:
        assert keys.guard() is None
        assert [file.read_text() for file in (tmp_path / "keys").glob(".guard-*")] == ["one"]
        assert swap()
    with keys.guard_ready("one", "two"):
        pass  # never swapped in: given up without a trace
    assert keys.guard() == "one"
    assert list((tmp_path / "keys").glob(".guard-*")) == []


def test_a_guard_as_long_as_it_was_is_written_over_unless_somebody_replaced_it(tmp_path: Path) -> None:
    keys, file = Keys.open(tmp_path / "keys", ORIGIN, create=True), tmp_path / "keys" / "guard"
    assert keys.swap_guard(None, "one")
    place = file.stat().st_ino
    assert keys.swap_guard("one", "two")
    assert (keys.guard(), file.stat().st_ino) == ("two", place)
    with keys.guard_ready("two", "new") as swap:
        file.rename(tmp_path / "aside")
        file.write_text("two")
        assert not swap()
    assert (keys.guard(), (tmp_path / "aside").read_text()) == ("two", "two")
    assert keys.swap_guard("two", "three")
    assert (keys.guard(), sorted(tmp_path.glob("keys/.*"))) == ("three", [])


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"", b"two words", None])
def test_an_origin_that_names_no_log_is_refused_in_words(tmp_path: Path, damage: bytes | None) -> None:
    Keys.open(tmp_path / "keys", ORIGIN, create=True)
    file = tmp_path / "keys" / "origin"
    file.unlink()
    if damage is None:
        file.mkdir()
    else:
        file.write_bytes(damage)
    with pytest.raises(ConfigurationError, match="origin"):
        recorded_origin(tmp_path / "keys")


def test_a_folder_without_keys_names_no_log(tmp_path: Path) -> None:
    assert recorded_origin(tmp_path / "keys") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a moment")
def test_keys_of_another_user_are_the_operator_s_trouble_and_are_told_with_their_owner(
    tmp_path: Path,
) -> None:
    """Such as those of a year that was closed as root: a site must not fail on them as on a bug."""
    folder = tmp_path / "keys"
    keys = Keys.open(folder, ORIGIN, create=True)
    keys.swap_guard(None, "kept")
    looks: list[Callable[[], object]] = [
        lambda: Keys.open(folder, ORIGIN, create=False),
        lambda: Keys.open(folder / "2027", ORIGIN, create=True),
        lambda: recorded_origin(folder),
        lambda: used(folder),
        lambda: keys.identity,
        lambda: keys.swap_guard("kept", "longer"),
        keys.guard,
    ]
    os.seteuid(65534)
    try:
        for look in looks:
            with pytest.raises(ConfigurationError, match=r"keys.* is user 0's, this process is user 65534's"):
                look()
        with pytest.raises(StoreUnavailable):
            SqliteStore(folder / "log.db").exists()
    finally:
        os.seteuid(0)
