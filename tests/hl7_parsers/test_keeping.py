"""What is kept: results of short texts, as many as asked for, and nothing of long ones."""

from hl7_parsers.keeping import Kept, kept


def test_a_short_text_is_worked_out_once_and_a_long_one_each_time() -> None:
    seen: list[str] = []

    @kept(2)
    def length(text: str) -> int:
        seen.append(text)
        return len(text)

    assert [length("a"), length("a"), length("x" * 1000), length("x" * 1000)] == [1, 1, 1000, 1000]
    assert seen == ["a", "x" * 1000, "x" * 1000]


def test_the_oldest_result_makes_room() -> None:
    seen: list[str] = []

    @kept(2)
    def same(text: str, more: str) -> str:
        seen.append(text)
        return text + more

    for text in ("a", "b", "c", "a"):
        assert same(text, "!") == text + "!"
    assert seen == ["a", "b", "c", "a"]


def test_what_comes_all_the_time_is_worked_out_once_among_much_that_comes_but_once() -> None:
    seen: list[str] = []

    def length(text: str) -> int:
        seen.append(text)
        return len(text)

    lengths = Kept(length, 10)
    for number in range(100):
        assert (lengths.get("often") or lengths["often"]) == 5
        assert lengths[f"once {number}"] >= 6
    assert seen.count("often") == 1
    assert len(lengths) + len(lengths.former) <= 20


def test_a_long_text_in_a_key_is_not_kept() -> None:
    lengths: Kept[tuple[int, str, str], int] = Kept(lambda key: len(key[1]), 10)
    assert lengths[1, "x" * 1000, "y"] == 1000
    assert not lengths
