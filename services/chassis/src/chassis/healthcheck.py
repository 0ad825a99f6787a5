"""Ask the service of this container whether it is ready: exit code 0, or 1 and its answer on standard output.

`python -I -m chassis.healthcheck PORT`: an image has no curl. Imports nothing of ours: it runs every
ten seconds beside the service.
"""

from __future__ import annotations

import http.client
import sys

ANSWER_SECONDS = 4.0
BYTES_SHOWN = 2_000


def main(port: int) -> int:
    """Return 0 when /health/ready answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        text = answer.read(BYTES_SHOWN).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        text, ready = type(error).__name__, False
    else:
        ready = answer.status == http.client.OK
    finally:
        connection.close()
    sys.stdout.write(f"{text}\n")
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
