"""How likely it is that so many scores stand above a threshold."""

from fractions import Fraction

from cbi.registry.scorecards.clustering import likelihood_of

FEW, MANY = [0, 0, 0, 0], [60, 40, 50, 50]


def test_ten_out_of_ten_are_one_in_a_thousand() -> None:
    assert likelihood_of([0, 0, 10, 0], FEW) == Fraction(1, 1024)
    assert likelihood_of([5, 0, 0, 5], FEW) == Fraction(638, 1024)  # five or more of ten heads
    assert likelihood_of([10, 0, 0, 0], FEW) == 1


def test_it_is_measured_against_the_others() -> None:
    assert likelihood_of([0, 0, 20, 0], MANY) == Fraction(1, 2**20)
    generous_all = likelihood_of([2, 0, 18, 0], [10, 10, 90, 90])
    assert generous_all is not None
    assert generous_all > Fraction(1, 2)  # 18 of 20 is what the others do


def test_too_few_say_nothing() -> None:
    assert likelihood_of([0, 0, 9, 0], MANY) is None


def test_thousands_are_no_trouble() -> None:
    found = likelihood_of([1000, 1000, 1500, 1500], MANY)
    assert found is not None
    assert 0 < found < Fraction(1, 10**20)
