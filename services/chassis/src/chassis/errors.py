"""How a failure is treated: wait for it, retry it, or set it aside. Handlers raise these; the chassis acts on them."""

from __future__ import annotations


class DependencyDown(Exception):
    """A service or database does not answer. Nothing is set aside: the partition waits for as long as it takes."""


class Transient(Exception):
    """Retrying soon may heal this (a lost race, a deadlock). Retried a bounded number of times, then set aside."""


class Permanent(Exception):
    """Retrying cannot heal this: it becomes a dead letter with its cause; later events of its key wait behind it."""


class SettingsRefused(Exception):
    """A setting is missing, unknown or contradictory; the message names it and says what to write instead."""
