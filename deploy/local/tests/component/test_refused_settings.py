"""Real processes of every kind refuse a setting that no part knows, with its name, in one sentence and no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MISSPELT = {"MAILLAGE_KAFKA_BOOTSTRP": "canary-value:9092"}
SAID = "MAILLAGE_KAFKA_BOOTSTRP is no setting of Maillage (did you mean MAILLAGE_KAFKA_BOOTSTRAP?)"
WHERE = "docs/settings.md lists those that exist"

PYTHON = (sys.executable, "-m")
STARTED: dict[str, tuple[tuple[str, ...], int, str]] = {
    "service": ((*PYTHON, "chassis.serve", "referrals"), 2, f"referrals cannot start: {SAID}; {WHERE}\n"),
    "desk": ((*PYTHON, "maillage.desk"), 1, f"desk cannot start: {SAID}; {WHERE}\n"),
    "command": (
        (str(Path(sys.executable).with_name("maillage")), "status"),
        1,
        f"maillage : Réglage refusé · setting refused: {SAID}; {WHERE}\n  → corrigez la variable d'environnement\n",
    ),
}
"""part -> command, exit code, all of its standard error."""


def test_every_kind_of_process_names_the_unknown_setting_and_ends(tmp_path: Path) -> None:
    shared = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    environment = {**shared, **MISSPELT, "MAILLAGE_DATA_DIR": str(tmp_path)}
    running = {
        part: subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for part, (command, _, _) in STARTED.items()
    }
    found = {part: (process.communicate(timeout=60), process.returncode) for part, process in running.items()}

    for part, (_, code, sentence) in STARTED.items():
        (out, error), returned = found[part]
        assert (out, error, returned) == ("", sentence, code), part
    assert not list(tmp_path.iterdir()), "nothing was begun"
