"""An interface engine or billing system as destination: HL7 DFT over MLLP, one message at a time, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streams.formats.charge import Document, News
from streams.mllp_client import ACCEPTED, MllpClient, NoAnswer, answer_code
from streams.outbound.courier import Away
from streams.outbound.journal import Outgoing


@dataclass(frozen=True, slots=True)
class Engine:
    """A receiver that acknowledges."""

    client: MllpClient
    render: Callable[[News], Document]

    def documents(self, news: Sequence[News], _number: int) -> list[Document]:
        return [self.render(one) for one in news]

    async def hand_over(self, document: Outgoing) -> str:
        """Send until it is answered. A message sent again has the control id and the transaction ids of before."""
        try:
            code = answer_code(await self.client.send(document.content))
        except NoAnswer as wrong:
            raise Away(str(wrong)) from wrong
        return "" if code in ACCEPTED else code or "an answer without MSA"

    async def close(self) -> None:
        await self.client.close()
