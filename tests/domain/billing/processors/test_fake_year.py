"""A year of billing, small enough for every day; `make prove` lives through it at full size."""

from pathlib import Path

from tests.proofs import year
from tests.support.databases import Sqlite


def test_a_year_ends_with_the_mirror_at_the_truth_and_the_same_seed_gives_the_same_year(
    sqlite: Sqlite, tmp_path: Path
) -> None:
    reports = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        reports.append(year.run(sqlite.fresh(folder), customers=5, seed=seed))

    first, again, other = reports
    assert (first.subscriptions, first.astray, first.unsettled) == (5, 0, 0)
    assert first == again
    assert other.digest != first.digest
