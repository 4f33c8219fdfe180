"""What is recorded is read back, whatever moment the process was killed at."""

from pathlib import Path

import pytest

from domain.proofs.seats.history import Answer, Operation, Recorder, history_of, now, read_all, read_calls


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return history_of(tmp_path, process=0, life=0)


def record(path: Path) -> None:
    recorder = Recorder(path)
    recorder.begin("0.0.0", Operation.ADD, organization=3, person=4)
    recorder.begin("0.0.1", Operation.LIMIT, organization=1, limit=5, order=9)
    recorder.end("0.0.0", Answer.DONE, holder="mem_1")
    recorder.close()


def test_calls_are_read_as_they_were_recorded(path: Path) -> None:
    before = now()
    record(path)

    added, limited = read_calls(path)

    assert (added.operation, added.organization, added.person) == (Operation.ADD, 3, 4)
    assert (added.answer, added.holder) == (Answer.DONE, "mem_1")
    assert before <= added.began_at <= limited.began_at <= (added.ended_at or 0) <= now()
    assert (limited.limit, limited.order) == (5, 9)


def test_a_call_without_an_end_is_unsure(path: Path) -> None:
    record(path)

    unheard = read_calls(path)[1]

    assert (unheard.answer, unheard.ended_at) == (Answer.UNSURE, None)


def test_what_is_not_known_to_have_happened_has_no_end(path: Path) -> None:
    recorder = Recorder(path)
    recorder.begin("0.0.0", Operation.ADD, organization=0, person=1)
    recorder.end("0.0.0", Answer.UNSURE, code="UNAVAILABLE")
    recorder.close()

    (call,) = read_calls(path)

    assert (call.answer, call.ended_at, call.code) == (Answer.UNSURE, None, "UNAVAILABLE")


@pytest.mark.parametrize("torn", [1, 10, 60])
def test_a_torn_last_line_was_never_finished(path: Path, torn: int) -> None:
    record(path)
    path.write_bytes(path.read_bytes()[:-torn])

    added, _ = read_calls(path)

    assert (added.answer, added.ended_at, added.holder) == (Answer.UNSURE, None, None)


def test_the_lives_of_all_processes_are_read(tmp_path: Path) -> None:
    for process, life in ((0, 0), (0, 1), (1, 0)):
        record(history_of(tmp_path, process=process, life=life))

    assert len(read_all(tmp_path)) == 6
