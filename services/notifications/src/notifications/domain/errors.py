"""Why a command on a notice is refused: stable codes, which adapters translate."""

from __future__ import annotations


class NoticeRefused(Exception):
    """Something asked of a notice is not possible; nothing changed."""

    code = "refused"


class IllegalTransition(NoticeRefused):
    """The notice's state does not allow it."""

    code = "illegal_transition"


class WrongActor(NoticeRefused):
    """Whoever asks may not."""

    code = "wrong_actor"


class NotFound(NoticeRefused):
    """There is no such notice."""

    code = "not_found"


class TextBroken(Exception):
    """A text of a template cannot be read; the message says where."""


class MissingValue(Exception):
    """A text needs a value that is not known: names the placeholder, never a value."""
