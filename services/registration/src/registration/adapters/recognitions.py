"""What an operator sees of how persons are recognised: numbers, and nobody."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric

from chassis.metrics import counter
from registration.domain.recognition import Recognition


class Recognitions:
    """Counts what each referral led to, in this process. Work that is redone counts again."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Recognition, 0)

    def note(self, recognition: Recognition) -> None:
        """Count one referral."""
        self._counts[recognition] += 1

    def metrics(self) -> Iterable[Metric]:
        """Return the counts; those that are zero too, so that an alert may rely on them."""
        family = counter("persons_recognised", "Referrals, by the file that each led to.", "outcome")
        for recognition, count in self._counts.items():
            family.add_metric([recognition], count)
        return (family,)
