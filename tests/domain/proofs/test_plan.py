"""A plan follows from its seed."""

from domain.proofs.seats.plan import FEWEST_SEATS, MOST_LIMIT_CHANGES, MOST_SEATS, Plan, Stage, read_stage


def test_the_same_seed_gives_the_same_plan_and_another_seed_another_one() -> None:
    first, again, other = (Plan(seed=seed, kills=20) for seed in (1, 1, 2))

    assert (first.kill_moments(), first.first_limits()) == (again.kill_moments(), again.first_limits())
    assert first.kill_moments() != other.kill_moments()
    assert first.first_limits() != other.first_limits()


def test_attempts_are_spread_evenly_and_none_is_left_out() -> None:
    assert Plan(processes=4, attempts=10).shares() == [3, 3, 2, 2]


def test_processes_are_killed_in_the_middle_in_order() -> None:
    moments = Plan(attempts=1000, processes=3, kills=50).kill_moments()

    assert len(moments) == 50
    assert moments == sorted(moments, key=lambda kill: kill[0])
    assert all(50 <= moment < 900 and 0 <= place < 3 for moment, place in moments)
    assert Plan(attempts=1, kills=1).kill_moments()[0][0] == 0


def test_limits_are_small_and_change_no_more_often_than_the_mirror_likes() -> None:
    assert set(Plan(organizations=500).first_limits()) == set(range(FEWEST_SEATS, MOST_SEATS + 1))
    assert Plan(attempts=1000).limit_share() == 0.03
    assert Plan(attempts=10**6, organizations=8).limit_share() * 10**6 == MOST_LIMIT_CHANGES * 8


def test_the_first_organization_is_the_most_sought_after() -> None:
    weights = Plan(organizations=5).weights()

    assert weights == sorted(weights, reverse=True)
    assert weights[0] > weights[1]


def test_a_stage_is_read_as_it_was_written() -> None:
    stage = Stage(plan=Plan(seed=7, naive=True), organizations=("org_1",), people=("usr_1", "usr_2"))

    assert read_stage(stage.written()) == stage
