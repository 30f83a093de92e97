"""The listener killed under load: whatever it acknowledged is on the topic, and nothing else than what was sent.

Half of the senders wait for each answer, as engines do; the others send ahead and read the answers as they come.
Each sends again what was not answered, the same bytes, until it is.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

from streams.demo.stage import Stage
from streams.mllp import frame
from tests.streams.brokers import Broker
from tests.waiting import PATIENCE, wait_beside

PATIENT_SENDERS = 4
HASTY_SENDERS = 4
_AHEAD = 40  # messages that a hasty sender has on the way
_KILL_AFTER = (0.15, 1.2)  # seconds that the listener lives after it takes messages


@dataclass(frozen=True)
class Verdict:
    """What was wrong. Every number is 0 in a right run."""

    lost: int  # acknowledged, and not on the topic
    foreign: int  # on the topic, and never sent
    surplus: int  # copies on the topic beyond the times that the message was sent
    disordered: int  # messages whose first copy lies before that of one that its sender sent earlier
    misanswered: int  # answers that were not to the message that was due

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.foreign or self.surplus or self.disordered or self.misanswered)


@dataclass(frozen=True)
class Figures:
    """How hard a run was."""

    acknowledged: int
    kills: int
    resent: int
    copies: int  # on the topic, beyond one of each message


@dataclass
class Sender:
    """One connection's messages, each of the same patient, and what became of them."""

    number: int
    ahead: int  # how many may wait for their answer
    sent: Counter[bytes] = field(default_factory=Counter)
    order: list[bytes] = field(default_factory=list)  # acknowledged, or on the way, in order
    acknowledged: int = 0
    misanswered: int = 0
    _lately: int = 0  # how many of `order` went out on this connection

    async def run(self, port: int, stop: asyncio.Event) -> None:
        """Send until it is told to stop and everything is answered; connect again whenever the connection ends."""
        while not stop.is_set() or self.acknowledged < len(self.order):
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._connection(port, stop)
            await asyncio.sleep(0.02)

    async def _connection(self, port: int, stop: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            self._lately = self.acknowledged
            while True:
                while self._lately - self.acknowledged < self.ahead and self._has_more(stop):
                    text = self.order[self._lately]
                    self.sent[text] += 1
                    self._lately += 1
                    writer.write(frame(text))
                await writer.drain()
                if self.acknowledged == self._lately:
                    return
                async with asyncio.timeout(15):
                    answer = await reader.readuntil(b"\x1c\r")
                due = self.order[self.acknowledged]
                if b"\rMSA|AA|" + _control_id(due) + b"\r" not in answer:
                    self.misanswered += 1
                self.acknowledged += 1
        finally:
            writer.close()

    def _has_more(self, stop: asyncio.Event) -> bool:
        """Whether there is a message to send: one that was sent before a cut, else a new one until the end."""
        if self._lately < len(self.order):
            return True
        if stop.is_set():
            return False
        self.order.append(_message(self.number, len(self.order)))
        return True


def _message(sender: int, number: int) -> bytes:
    """Its size differs, so that frames end anywhere in a packet."""
    head = f"MSH|^~\\&|MAR{sender}|SYNTH|DRIP|BILL|20260302090000-0500||RAS^O17|S{sender}N{number}|P|2.5.1\r"
    note = "x" * (number * 37 % 900)
    return f"{head}PID|1||SYN{sender}^^^SYNTH^MR\rPV1|1|O||||||||||||||||||V{sender}\rNTE|1||{note}\r".encode()


def _control_id(message: bytes) -> bytes:
    return message.split(b"|", 10)[9]


def run(broker: Broker, seed: int, kills: int) -> tuple[Verdict, Figures]:
    """One run: the senders at work while the listener is killed and started again so many times."""
    stage = Stage(broker.settings.data_dir, broker.environment)
    senders = [Sender(n, 1 if n < PATIENT_SENDERS else _AHEAD) for n in range(PATIENT_SENDERS + HASTY_SENDERS)]
    try:
        stage.start_listener()
        stage.wait_ready()
        asyncio.run(_under_load(stage, senders, random.Random(seed), kills))
    finally:
        stage.stop()
    stored = [value for _, _, value in broker.read(broker.topics.inbound)]
    return judge(senders, stored), figures(senders, stored, kills)


async def _under_load(stage: Stage, senders: Sequence[Sender], chance: random.Random, kills: int) -> None:
    stop = asyncio.Event()
    work = [asyncio.create_task(sender.run(stage.mllp_port, stop)) for sender in senders]
    for _ in range(kills):
        await _answers_again(senders)
        await asyncio.sleep(chance.uniform(*_KILL_AFTER))
        stage.kill("listener")
        stage.start_listener()
    await _answers_again(senders)
    stop.set()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*work)


async def _answers_again(senders: Sequence[Sender]) -> None:
    """Wait until the listener acknowledges messages."""
    before = sum(sender.acknowledged for sender in senders)
    await wait_beside(
        lambda: sum(sender.acknowledged for sender in senders) >= before + len(senders), "the listener answers again"
    )


def judge(senders: Sequence[Sender], stored: Sequence[bytes]) -> Verdict:
    """Compare the topic with what was sent and acknowledged."""
    copies = Counter(stored)
    sent = sum((sender.sent for sender in senders), Counter[bytes]())
    acknowledged = {text for sender in senders for text in sender.order[: sender.acknowledged]}
    first = {text: place for place, text in reversed(list(enumerate(stored)))}
    return Verdict(
        lost=len(acknowledged - set(copies)),
        foreign=len(set(copies) - set(sent)),
        surplus=sum((copies - sent).values()),
        disordered=sum(_disordered([first[text] for text in sender.order if text in first]) for sender in senders),
        misanswered=sum(sender.misanswered for sender in senders),
    )


def _disordered(places: Sequence[int]) -> int:
    return sum(later < earlier for earlier, later in pairwise(places))


def figures(senders: Sequence[Sender], stored: Sequence[bytes], kills: int) -> Figures:
    sent = sum(sum(sender.sent.values()) for sender in senders)
    return Figures(
        acknowledged=sum(sender.acknowledged for sender in senders),
        kills=kills,
        resent=sent - sum(len(sender.sent) for sender in senders),
        copies=len(stored) - len(set(stored)),
    )
