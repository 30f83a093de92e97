"""What stands of an encounter, and what a destination must learn."""

from streams.outbound.accounts import Account
from tests.streams.issued import Line, line, version

READY = {"ready"}


def told(account: Account) -> tuple[list[str], list[str]]:
    """Lines taken back and made; the destination has learned of them then."""
    news = account.news("k")
    account.settle()
    if news is None:
        return [], []
    return (
        [one.line["claim_line_id"] for one in news.reversed],
        [one.line["claim_line_id"] for one in news.made],
    )


def take(account: Account, lines: list[Line]) -> None:
    for one in lines:
        account.take(one, READY)


def test_a_version_counts_when_all_its_lines_are_there() -> None:
    account, lines = Account(), version(3, [line("a"), line("b")])
    assert not account.take(lines[1], READY)
    assert account.news("k") is None
    assert not account.take(lines[1], READY)
    assert account.take(lines[0], READY)
    assert told(account) == ([], ["a", "b"])


def test_only_what_changed_is_told() -> None:
    account = Account()
    take(account, version(3, [line("a"), line("b")]))
    assert told(account) == ([], ["a", "b"])
    take(account, version(5, [line("b"), line("c")], [line("a")]))
    assert told(account) == (["a"], ["c"])
    assert told(account) == ([], [])


def test_who_comes_late_gets_what_stands_and_nothing_else() -> None:
    account = Account()
    take(account, version(3, [line("a"), line("b")]))
    take(account, version(5, [line("b"), line("c")], [line("a")]))
    assert told(account) == ([], ["b", "c"])


def test_an_older_version_and_the_same_one_again_change_nothing() -> None:
    account, old, new = Account(), version(3, [line("a")]), version(5, [line("b")], [line("a")])
    take(account, new)
    told(account)
    for lines in (old, new):
        assert not any(account.take(one, READY) for one in lines)
    assert told(account) == ([], [])
    assert account.parts == {}


def test_a_missing_version_is_made_up_for_by_the_next() -> None:
    account = Account()
    take(account, version(3, [line("a")]))
    told(account)
    take(account, version(5, [line("b")], [line("a")])[:1])
    take(account, version(9, [line("c")], [line("b")]))
    assert told(account) == (["a"], ["c"])


def test_a_line_that_is_no_longer_ready_is_taken_back() -> None:
    account = Account()
    take(account, version(3, [line("a")]))
    told(account)
    take(account, version(4, [line("a", status="hold")]))
    assert told(account) == (["a"], [])


def test_a_charge_made_again_has_another_id_and_its_reversal_the_first() -> None:
    account = Account()
    ids = []
    for number, lines in ((3, [line("a")]), (4, []), (5, [line("a")])):
        take(account, version(number, lines, [] if lines else [line("a")]))
        news = account.news("k")
        assert news is not None
        ids.append((news.made or news.reversed)[0].transaction_id)
        account.settle()
    assert ids[0] == ids[1] != ids[2]


def test_ids_do_not_depend_on_when_a_destination_begins() -> None:
    early, late = Account(), Account()
    versions = [version(3, [line("a")]), version(4, [], [line("a")]), version(5, [line("a")])]
    for lines in versions:
        take(early, lines)
        news = early.news("k")
        early.settle()
    for lines in versions:
        take(late, lines)
    from_late = late.news("k")
    assert news is not None
    assert from_late is not None
    assert [one.transaction_id for one in from_late.made] == [one.transaction_id for one in news.made]


def test_facility_and_professional_charges_of_one_encounter_have_different_ids() -> None:
    ids = set()
    for setting in ("facility", "professional"):
        account = Account()
        take(account, version(1, [line("a", setting=setting)]))
        news = account.news("k")
        assert news is not None
        ids.add(news.made[0].transaction_id)
    assert len(ids) == 2


def test_an_encounter_that_is_wanted_whole_waits_for_its_last_line_and_stands_as_it_was_told() -> None:
    account = Account()

    def come(number: int, lines: list[Line], void: list[Line]) -> tuple[bool, list[str], list[str]]:
        for one in version(number, lines, void):
            account.take(one, READY, all_or_none=True)
        return account.waits, *told(account)

    assert come(1, [line("a"), line("b", status="review")], []) == (True, [], [])
    assert come(2, [line("a"), line("c")], [line("b")]) == (False, [], ["a", "c"])
    assert come(3, [line("d", status="hold")], [line("a"), line("c")]) == (True, [], [])
    assert come(4, [line("a"), line("e")], [line("d")]) == (False, ["c"], ["e"])
    assert come(5, [], [line("a"), line("e")]) == (False, ["a", "e"], [])
