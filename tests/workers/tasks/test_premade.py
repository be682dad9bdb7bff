"""What was made before it was asked for: given out once, waited for, and dropped when nobody came."""

from __future__ import annotations

import threading

import pytest

from workers.tasks.premade import Premade


def test_a_thing_is_made_once_and_given_out_once() -> None:
    kept: Premade[str] = Premade(most=4, keep_s=10.0)
    assert kept.make("a", lambda: "made") == "made"
    assert kept.make("a", lambda: "made again") is None
    assert kept.take("a") == "made"
    assert kept.take("a") is None and kept.take("b") is None


def test_who_asks_for_what_is_being_made_waits_for_it() -> None:
    kept: Premade[str] = Premade(most=4, keep_s=10.0)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(5)
        return "made"

    maker = threading.Thread(target=kept.make, args=("a", slow))
    maker.start()
    assert begun.wait(5)
    threading.Timer(0.05, go_on.set).start()
    assert kept.take("a") == "made"
    maker.join()


def test_who_has_waited_long_enough_does_without_and_it_is_dropped_when_it_comes() -> None:
    dropped: list[str] = []
    kept: Premade[str] = Premade(most=4, keep_s=10.0, drop=dropped.append)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(5)
        return "late"

    maker = threading.Thread(target=kept.make, args=("a", slow))
    maker.start()
    assert begun.wait(5)
    assert kept.take("a", timeout_s=0.01) is None
    go_on.set()
    maker.join()
    assert dropped == ["late"]


def test_a_failure_is_its_makers_and_leaves_nothing() -> None:
    kept: Premade[str] = Premade(most=4, keep_s=10.0)

    def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.make("a", fail)
    assert kept.take("a") is None
    assert kept.make("a", lambda: "made") == "made"


def test_what_nobody_took_is_dropped_by_age_and_by_number() -> None:
    dropped: list[str] = []
    at_s = [0.0]
    kept: Premade[str] = Premade(most=2, keep_s=10.0, drop=dropped.append, clock=lambda: at_s[0])
    for name in ("a", "b", "c"):
        kept.make(name, lambda name=name: name)
    assert dropped == ["a"] and kept.take("a") is None
    at_s[0] = 11.0
    assert kept.take("b") is None
    assert dropped == ["a", "b", "c"]
