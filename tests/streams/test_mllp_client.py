"""The MLLP sender against receivers that misbehave."""

import asyncio
import itertools
import time
from collections.abc import Sequence

import pytest

from streams.mllp import frame
from streams.mllp_client import Feed, MllpClient, NoAnswer, Patience, Unframeable, lanes_of, percentile, send_all
from tests.streams.receiver import CUT, Act, Receiver, Script, acknowledge, answer, control_id_of, message

CALM = Patience(connect=5.0, answer=10.0, message=20.0)
SHORT = Patience(connect=5.0, answer=0.5, message=20.0)  # where the receiver is silent on purpose
ONE = message("C1")


async def sent_to(script: Script, *messages: bytes, patience: Patience = CALM) -> tuple[list[bytes], Receiver, int]:
    """Answers to the messages, the receiver afterwards, and how many were sent again."""
    async with Receiver(script) as receiver, MllpClient("127.0.0.1", receiver.port, patience) as client:
        return [await client.send(each) for each in messages], receiver, client.resends


def first_then(first: Sequence[Act]) -> Script:
    """The first message meets `first`, every later one an acknowledgement."""
    return lambda count, text: first if count == 1 else acknowledge(count, text)


def test_messages_are_answered_in_order_on_one_connection() -> None:
    messages = [message(f"C{number}") for number in range(20)]
    answers, receiver, resends = asyncio.run(sent_to(acknowledge, *messages))
    assert answers == [answer(each) for each in messages]
    assert receiver.received == messages
    assert receiver.connections == 1
    assert resends == 0


@pytest.mark.parametrize(
    "first",
    [
        [CUT],
        [b"\x0bMSH|^~\\&|DRIP\rMSA|A", CUT],  # cut in the middle of the answer
        [frame(b"")],
        [frame(b"MSH|^~\\&|DRIP\rZZZ|1\r")],  # an answer without MSA
        [frame(answer(ONE, about="ANOTHER"))],
        [b"\x0b" + b"x" * 1_100_000],  # an answer that never ends
    ],
    ids=["cut before", "cut within", "blank", "no MSA", "about another", "endless"],
)
def test_what_is_no_answer_makes_the_message_go_again(first: list[Act]) -> None:
    answers, receiver, resends = asyncio.run(sent_to(first_then(first), ONE, patience=SHORT))
    assert answers == [answer(ONE)]
    assert receiver.received == [ONE, ONE]
    assert receiver.connections == 2
    assert resends == 1


def test_an_answer_that_comes_too_late_is_never_taken_for_that_of_the_next_message() -> None:
    two = message("C2")
    late: list[Act] = [0.8, frame(answer(ONE, "AR", about=""))]
    answers, receiver, resends = asyncio.run(sent_to(first_then(late), ONE, two, patience=SHORT))
    assert answers == [answer(ONE), answer(two)]
    assert receiver.received == [ONE, ONE, two]
    assert resends == 1


def test_an_answer_given_twice_does_not_answer_the_next_message() -> None:
    def twice(_count: int, text: bytes) -> list[Act]:
        return [frame(answer(text)) + frame(answer(text, "AE"))]

    messages = [message(f"C{number}") for number in range(5)]
    answers, _, resends = asyncio.run(sent_to(twice, *messages))
    assert answers == [answer(each) for each in messages]
    assert resends == 0


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_a_refusal_is_an_answer_and_is_not_sent_again(code: str) -> None:
    answers, receiver, resends = asyncio.run(sent_to(lambda _, text: [frame(answer(text, code))], ONE))
    assert answers == [answer(ONE, code)]
    assert receiver.received == [ONE]
    assert resends == 0


@pytest.mark.parametrize(
    "written",
    [
        frame(answer(ONE)).removesuffix(b"\r"),
        b"\r\n\x00noise" + frame(answer(ONE)),
        b"\x1c\r\x1c" + frame(answer(ONE)) + b"\x00\x00",
        frame(answer(ONE)).removeprefix(b"\x0b"),
        frame(answer(ONE).replace(b"\r", b"\n")),
        frame(answer(ONE, about="")),
    ],
    ids=["no last CR", "noise before", "empty frames", "no start", "LF", "no MSA-2"],
)
def test_a_sloppy_answer_is_read_all_the_same(written: bytes) -> None:
    answers, receiver, resends = asyncio.run(sent_to(lambda *_: [written], ONE))
    assert b"MSA|AA" in answers[0]
    assert receiver.received == [ONE]
    assert resends == 0


def test_an_answer_in_pieces_is_put_together() -> None:
    def bytewise(_count: int, text: bytes) -> list[Act]:
        framed = frame(answer(text))
        return list(itertools.chain.from_iterable((framed[at : at + 9], 0.002) for at in range(0, len(framed), 9)))

    answers, receiver, _ = asyncio.run(sent_to(bytewise, ONE))
    assert answers == [answer(ONE)]
    assert receiver.received == [ONE]


def test_a_control_id_that_the_receiver_cut_is_still_ours() -> None:
    long = message("C" * 30)
    answers, _, resends = asyncio.run(sent_to(lambda _, text: [frame(answer(text, about="C" * 20))], long))
    assert b"MSA|AA" in answers[0]
    assert resends == 0


def test_a_receiver_that_closes_after_each_answer_causes_no_resends() -> None:
    async def slowly() -> tuple[Receiver, int]:
        closing = Receiver(lambda _, text: [frame(answer(text)), CUT])
        async with closing as receiver, MllpClient("127.0.0.1", receiver.port, CALM) as client:
            for number in range(4):
                await client.send(message(f"C{number}"))
                await asyncio.sleep(0.02)
            return receiver, client.resends

    receiver, resends = asyncio.run(slowly())
    assert [control_id_of(text) for text in receiver.received] == ["C0", "C1", "C2", "C3"]
    assert receiver.connections == 4
    assert resends == 0


def test_a_message_that_asks_for_no_answer_does_not_wait_for_one() -> None:
    silent = message("C1", more="||ER|NE")
    answers, receiver, resends = asyncio.run(sent_to(lambda *_: [], silent))
    assert answers == [b""]
    assert receiver.received == [silent]
    assert resends == 0


def test_a_message_that_asks_for_errors_alone_gets_them() -> None:
    erring = message("C1", more="||ER|NE")
    answers, _, _ = asyncio.run(sent_to(lambda _, text: [frame(answer(text, "CE"))], erring))
    assert b"MSA|CE" in answers[0]


def test_a_receiver_that_comes_back_gets_the_message() -> None:
    async def down_and_up() -> tuple[bytes, list[bytes]]:
        receiver = Receiver()
        async with receiver:
            port = receiver.port
        async with MllpClient("127.0.0.1", port, CALM) as client:
            sending = asyncio.create_task(client.send(ONE))
            await asyncio.sleep(0.2)
            assert not sending.done()
            await receiver.listen(port)
            try:
                return await sending, receiver.received
            finally:
                await receiver.close()

    assert asyncio.run(down_and_up()) == (answer(ONE), [ONE])


def test_patience_ends() -> None:
    async def in_vain(script: Script) -> None:
        async with Receiver(script) as receiver:
            patience = Patience(connect=10.0, answer=0.05, message=1.0)
            async with MllpClient("127.0.0.1", receiver.port, patience) as client:
                began = time.monotonic()
                with pytest.raises(NoAnswer, match=str(receiver.port)):
                    await client.send(ONE)
                assert 0.1 < time.monotonic() - began < 60
                assert client.resends >= 1
                assert set(receiver.received) == {ONE}

    asyncio.run(in_vain(lambda *_: []))
    asyncio.run(in_vain(lambda *_: [CUT]))


def test_a_message_that_cannot_be_framed_is_refused_before_anything_is_sent() -> None:
    async def try_it() -> list[bytes]:
        async with Receiver() as receiver:
            with pytest.raises(Unframeable, match="message 2"):
                await send_all([ONE, ONE + b"\x1c\r"], "127.0.0.1", receiver.port)
            with pytest.raises(Unframeable):
                await MllpClient("127.0.0.1", receiver.port).send(b"\x1c")
            return receiver.received

    assert asyncio.run(try_it()) == []


def test_all_are_sent_and_the_messages_of_a_patient_stay_in_order_on_one_connection() -> None:
    messages = [message(f"C{number}", f"SYN{number * 7 % 11:07d}") for number in range(200)]
    messages.insert(50, b"not HL7 at all")

    def lagging(count: int, text: bytes) -> list[Act]:
        return [0.001 * (count % 3), frame(answer(text, about="" if b"MSH" not in text else None))]

    async def send() -> None:
        progress: list[int] = []
        async with Receiver(lagging) as receiver:
            report = await send_all(messages, "127.0.0.1", receiver.port, connections=4, on_progress=progress.append)
        assert sorted(receiver.received) == sorted(messages)
        assert receiver.connections == 4
        assert progress == list(range(1, 202))
        assert report.by_code == {"AA": 201}
        assert report.answered == report.total == 201
        assert report.is_complete
        assert 0 < report.p50_ms <= report.p99_ms
        for patient in {text.split(b"PID|1||")[1][:10] for text in messages if b"PID" in text}:
            homes = [[text for text in lane if patient in text] for lane in receiver.by_connection]
            assert [lane for lane in homes if lane] == [[text for text in messages if patient in text]]

    asyncio.run(send())


def test_a_cut_loses_nothing_and_keeps_the_order() -> None:
    messages = [message(f"C{number}") for number in range(60)]
    seen: set[bytes] = set()

    def cutting(count: int, text: bytes) -> list[Act]:
        if count % 7 == 0 and text not in seen:
            seen.add(text)
            return [CUT]
        return [frame(answer(text))]

    async def send() -> None:
        async with Receiver(cutting) as receiver:
            feed = Feed(messages)
            await feed.through([MllpClient("127.0.0.1", receiver.port, CALM)])
        assert list(dict.fromkeys(receiver.received)) == messages
        assert len(receiver.received) == len(messages) + len(seen)
        assert feed.report().resends == len(seen) > 5
        assert feed.report().is_complete

    asyncio.run(send())


def test_refused_messages_are_counted_by_code_and_the_rest_goes_on() -> None:
    codes = itertools.cycle(["AA", "AE", "CA", "AR"])

    async def send() -> None:
        async with Receiver(lambda _, text: [frame(answer(text, next(codes)))]) as receiver:
            report = await send_all([message(f"C{number}") for number in range(8)], "127.0.0.1", receiver.port)
        assert report.by_code == {"AA": 2, "AE": 2, "AR": 2, "CA": 2}
        assert report.refused == (1, 3, 5, 7)
        assert report.unsent == ()
        assert not report.is_complete
        assert len(receiver.received) == 8

    asyncio.run(send())


def test_a_connection_that_gives_up_leaves_the_rest_of_its_messages_unsent() -> None:
    messages = [message(f"C{number}") for number in range(10)]
    patience = Patience(connect=5.0, answer=0.5, message=0.6)

    async def send() -> None:
        async with Receiver(lambda count, text: acknowledge(count, text) if count <= 4 else []) as receiver:
            feed = Feed(messages)
            await feed.through([MllpClient("127.0.0.1", receiver.port, patience)])
        report = feed.report()
        assert report.unsent == (4, 5, 6, 7, 8, 9)
        assert report.answered == 4
        assert set(receiver.received[4:]) == {messages[4]}
        assert "6 unsent" in report.summary()
        assert len(feed.problems) == 1

    asyncio.run(send())


def test_the_rate_holds_over_all_connections() -> None:
    messages = [message(f"C{number}", f"SYN{number:07d}") for number in range(40)]

    async def send() -> float:
        async with Receiver() as receiver:
            report = await send_all(messages, "127.0.0.1", receiver.port, connections=4, rate=100)
        return report.seconds

    assert 0.38 <= asyncio.run(send()) < 60


def test_messages_without_a_patient_take_turns() -> None:
    assert lanes_of([b"a", b"b", b"c", b"", b"MSH"], 2) == [[0, 2, 4], [1, 3]]


def test_a_patient_is_known_by_the_first_id_whatever_follows_it() -> None:
    one = message("C1", "SYN0000005")
    other = one.replace(b"SYN0000005^^^SYNTH^MR", b"SYN0000005^^^SYNTH^MR~77^^^OTHER^PI").replace(b"\r", b"\n")
    lanes = lanes_of([one, other], 64)
    assert [0, 1] in lanes


@pytest.mark.parametrize(
    ("values", "rank", "value"),
    [([], 50, 0.0), ([3.0], 99, 3.0), ([1.0, 2.0, 3.0, 4.0], 50, 2.0), ([float(n) for n in range(1, 101)], 99, 99.0)],
)
def test_a_percentile_is_a_value_that_occurred(values: list[float], rank: int, value: float) -> None:
    assert percentile(values, rank) == value
