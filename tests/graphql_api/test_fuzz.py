"""A thousand requests that nobody planned; `make prove` sends a hundred times as many."""

from collections import Counter
from random import Random

import pytest

from tests.proofs.fuzz import Fuzz, Plan, play
from tests.proofs.fuzz.asking import Answered, Asked, asked
from tests.proofs.fuzz.judging import judge
from tests.support.api import Api

CASES, SEED = 1_000, 1
GOOD = b'{"errors":[{"message":"Forbidden","extensions":{"code":"FORBIDDEN"}}],"data":null}'
HEADERS = {"x-request-id": "r1", "content-type": "application/json; charset=utf-8"}
ASKED = Asked(method="POST", query=b"", headers=[], chunks=())


async def test_whatever_is_asked_the_answer_is_one_of_ours_and_nothing_is_left_behind(either: Api) -> None:
    fuzz = Fuzz(api=either, seed=SEED)
    await fuzz.settle()

    wrong = await play(fuzz, Plan(cases=CASES, seed=SEED), lambda *_: None)

    assert wrong is None
    assert answered_with_data(fuzz.answers) > CASES // 10, fuzz.answers


def answered_with_data(answers: Counter[str]) -> int:
    return answers["data"] + answers["some data"]


def test_a_case_is_the_same_each_time() -> None:
    first, second = (asked(Random("1 7"), ["org_1"], [b"Bearer x"]) for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    ("answered", "seconds", "faults", "wrong"),
    [
        (Answered(status=200, headers=HEADERS, body=GOOD), 0.1, [], None),
        (Answered(status=500, headers=HEADERS, body=b"{}"), 0.1, [], "status 500"),
        (Answered(status=200, headers=HEADERS, body=GOOD), 1.5, [], "1.50 seconds of computing"),
        (Answered(status=200, headers=HEADERS, body=GOOD), 0.1, ["oops"], "logged oops"),
        (Answered(status=200, headers={}, body=GOOD), 0.1, [], "no request id"),
        (Answered(status=200, headers=HEADERS, body=b'{"data":"SELECT 1"}'), 0.1, [], "tells SELECT "),
        (Answered(status=200, headers=HEADERS, body=b'{"x":1}'), 0.1, [], "a body with ['x']"),
        (Answered(status=200, headers=HEADERS, body=GOOD.replace(b"FORB", b"SORB")), 0.1, [], "the code SORBIDDEN"),
        (
            Answered(status=200, headers=HEADERS, body=GOOD.replace(b'"FORBIDDEN"', b'"TIMEOUT"')),
            0.1,
            [],
            "TIMEOUT with ['code']",
        ),
    ],
)
def test_the_judge_accuses_what_is_not_ours(
    answered: Answered, seconds: float, faults: list[str], wrong: str | None
) -> None:
    assert judge(ASKED, answered, seconds=seconds, faults=faults) == wrong
