"""The one kind of failure the command shows: what is wrong in one sentence, and what to do about it."""

from __future__ import annotations


class Refusal(Exception):
    """Maillage cannot go on; the sentence says why, the remedy what to do."""

    def __init__(self, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
