"""The payloads of a bundle: found whatever order their lines stand in, and each bad line told once."""

from pathlib import Path

import pytest

from consentkit.proof.entry import Opening
from consentkit.proof.openings import Openings

GONE = ',"salt1":null,"stmt":null,"salt2":null,"subj":null}\n'


def line(index: object, t: int = 1) -> str:
    return f'{{"idx":{index},"t":{t}{GONE}'


def openings(folder: Path, *lines: str) -> Openings:
    file = folder / "openings.jsonl"
    file.write_text("".join(lines))
    return Openings(file)


def found(openings: Openings, start: int, stop: int) -> list[tuple[int, int]]:
    return [(index, opening.created_ms) for index, opening in openings.between(start, stop)]


@pytest.mark.parametrize("order", [(3, 5, 8, 9), (9, 3, 8, 5)])
def test_a_range_is_found_in_order_whatever_order_the_lines_stand_in(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    lines = openings(tmp_path, *(line(index, 10 * index) for index in order))
    assert found(lines, 4, 9) == [(5, 50), (8, 80)]
    assert found(lines, 6, 8) == []
    assert list(lines.strays(9)) == [9]
    assert list(lines.problems()) == []


def test_an_opening_is_what_its_line_says(tmp_path: Path) -> None:
    text = '{"idx":7,"t":5,"salt1":"AA==","stmt":"e30=","salt2":"AQ==","subj":"eyJ0YWciOiIwYSJ9"}\n'
    payload = Opening(5, b"\n", b"\0", b"{}", b"\1", b'{"tag":"0a"}')
    assert list(openings(tmp_path, text).between(0, 99)) == [(7, payload)]


def test_a_second_line_for_an_entry_counts_only_where_the_first_is_none(tmp_path: Path) -> None:
    lines = openings(tmp_path, line(4, 1), line(2, 2), line(4, 3), '{"idx":6,"t":"x"}\n', line(6, 4))
    assert found(lines, 0, 9) == [(2, 2), (4, 1), (6, 4)]
    assert found(lines, 0, 9) == [(2, 2), (4, 1), (6, 4)]
    problems = list(lines.problems())
    assert [problem.partition(":")[0] for problem in problems] == ["line 3", "line 4"]
    assert problems == list(lines.problems())


@pytest.mark.parametrize(
    "bad",
    [
        "\n",
        "5\n",
        "{}\n",
        line("true").replace("true", "null"),
        line("007"),
        line(3)[:-3],
        line('3,"t":1,"idx":4'),
    ],
)
def test_a_line_that_nobody_asked_for_is_looked_at_all_the_same(tmp_path: Path, bad: str) -> None:
    lines = openings(tmp_path, line(1), bad)
    assert found(lines, 0, 2) == [(1, 1)]
    (problem,) = lines.problems()
    assert problem.startswith("line 2: ")


@pytest.mark.parametrize("index", [-1, 40, 2**62, 2**63 - 1])
def test_a_payload_for_an_entry_that_no_log_has_is_a_stray(tmp_path: Path, index: int) -> None:
    assert list(openings(tmp_path, line(1), line(index)).strays(2)) == [index]


def test_an_entry_that_no_number_here_can_name_is_a_problem(tmp_path: Path) -> None:
    lines = openings(tmp_path, line(2**64 - 1), line(-(2**63)))
    assert list(lines.strays(2)) == []
    assert len(list(lines.problems())) == 2
