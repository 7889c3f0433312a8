"""The tally in PostgreSQL: the same counts, whoever adds to them at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from cluster import Cluster, Session
from stores import place_in_postgres, store_url

from consentkit.errors import StoreUnavailable
from consentkit.proof.stores import open_store as open_log
from consentkit.tally import MOST_NAMES, OTHER, Kind, Row, TallyStore
from consentkit.tally_stores import open_store

TODAY, TOMORROW, LONG_AGO = date(2026, 8, 31), date(2026, 9, 1), date(2025, 7, 31)
VERSION = "a" * 64


def row(name: str, count: int = 1, day: date = TODAY, kind: Kind = "undeclared") -> Row:
    return Row(day, VERSION, kind, name, count)


@pytest.fixture
def folder(tmp_path: Path, cluster: Cluster) -> Path:
    """A log without entries."""
    place_in_postgres(tmp_path, cluster, "shop.example/consent")
    log = open_log(store_url(tmp_path), tmp_path / "keys", 1)
    log.create()
    log.close()
    return tmp_path


@pytest.fixture
def tally(folder: Path) -> TallyStore:
    return open_store(store_url(folder))


@pytest.fixture
def hands(folder: Path) -> Iterator[Session]:
    session = Session(store_url(folder))
    yield session
    session.close()


def test_counts_add_up_by_day_and_old_days_go(tally: TallyStore) -> None:
    assert tally.read(None) == []  # there is no table yet
    tally.add([row("x", 2), row("y"), row("old", day=LONG_AGO)], LONG_AGO)
    tally.add([row("x", 3), row("x", day=TOMORROW)], TODAY)
    assert tally.read(None) == [row("x", 5), row("y"), row("x", day=TOMORROW)]
    assert tally.read(TOMORROW) == [row("x", day=TOMORROW)]


def test_who_adds_at_the_same_time_loses_no_count_and_waits_for_nobody_for_ever(folder: Path) -> None:
    names = [f"h{number}.example" for number in range(20)]

    def add(number: int) -> None:
        ordered = names if number % 2 else names[::-1]  # rows locked the other way round would deadlock
        open_store(store_url(folder)).add([row(name) for name in ordered], TODAY)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(12)))
    assert {each.name: each.count for each in open_store(store_url(folder)).read(None)} == dict.fromkeys(
        names, 12
    )


def test_a_day_takes_a_thousand_names(tally: TallyStore) -> None:
    tally.add([row(f"h{number}.example") for number in range(MOST_NAMES - 1)], TODAY)
    tally.add(
        [row("last.example"), row("late.example"), row("h1.example"), row("youtube", kind="blocked")], TODAY
    )
    counted = {each.name: each.count for each in tally.read(None)}
    assert len(counted) == MOST_NAMES + 2
    assert (counted["last.example"], counted["h1.example"], counted[OTHER], counted["youtube"]) == (
        1,
        2,
        1,
        1,
    )


def test_a_batch_is_counted_whole_or_not_at_all(tally: TallyStore, hands: Session) -> None:
    tally.add([row("x")], TODAY)
    hands.run("ALTER TABLE tally ADD CHECK (name <> 'bad')")
    with pytest.raises(StoreUnavailable) as told:
        tally.add([row("x"), row("bad")], TODAY)
    assert "bad" not in str(told.value)
    assert tally.read(None) == [row("x")]


@pytest.mark.parametrize(
    "damage", ["CREATE TABLE tally(x int)", "CREATE TABLE tally(day text, version int, name int, kind int)"]
)
def test_another_table_in_its_place_is_told_as_unavailable(
    tally: TallyStore, hands: Session, damage: str
) -> None:
    hands.run(damage)
    with pytest.raises(StoreUnavailable):
        tally.add([row("x")], TODAY)
    with pytest.raises(StoreUnavailable):
        tally.read(None)


def test_a_server_that_is_away_is_told_as_unavailable(folder: Path) -> None:
    tally = open_store(store_url(folder) + "&port=1")
    for use in (lambda: tally.read(None), lambda: tally.add([row("x")], TODAY)):
        with pytest.raises(StoreUnavailable):
            use()
