"""What stops an embedded server, said to a person: one sentence and what to do about it."""

from __future__ import annotations

from maillage.errors import Refusal


class StackError(Refusal):
    """An embedded server cannot start; the text says why and what to do."""

    def __str__(self) -> str:
        return f"{self.sentence} → {self.remedy}"
