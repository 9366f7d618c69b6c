"""The mutation fuzzer itself: repeatable, and able to tell a right answer from a wrong one."""

from tests.fuzz.mutate import is_right, outcome
from tests.fuzz.mutations import Case, Mutator
from tests.golden.make import SHORT, TEXT
from tests.helpers import encode


def test_the_same_seed_makes_the_same_cases() -> None:
    one, two, other = (Mutator(seed) for seed in (5, 5, 6))
    cases = [one.next() for _ in range(60)]
    assert cases == [two.next() for _ in range(60)]
    assert cases != [other.next() for _ in range(60)]
    assert {case.is_model for case in cases} == {True, False}


def test_outcomes() -> None:
    data = encode(SHORT)
    assert outcome(Case(data)) == "right"
    assert outcome(Case(data[:-1])) == "R09"
    assert outcome(Case(b"", is_model=True)) == "M02"
    assert outcome(Case("text")).startswith("crash")  # type: ignore[arg-type]
    assert is_right(data + encode(TEXT), SHORT + TEXT)
    assert not is_right(data, SHORT[:-1])
    assert not is_right(data, SHORT[:-1] + b"?")
    assert not is_right(data, SHORT + b"?")


def test_a_few_cases() -> None:
    mutator = Mutator(1)
    found = [outcome(mutator.next()) for _ in range(80)]
    assert not [each for each in found if each.startswith(("crash", "wrong"))]
    assert len(set(found)) > 10
