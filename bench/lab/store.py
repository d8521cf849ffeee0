# SPDX-License-Identifier: ISC
"""What was measured, written as it comes: a line of JSON a trial, so that nothing is lost when a run is stopped."""
import json
from pathlib import Path


class Store:
    def __init__(self, folder):
        self.path = Path(folder) / "trials.jsonl"
        self.trials = {}
        if self.path.exists():
            text = self.path.read_text(encoding="utf-8")
            if text and not text.endswith("\n"):
                self.path.write_text(text + "\n", encoding="utf-8")
            for line in text.splitlines():
                try:
                    trial = json.loads(line)
                except ValueError:
                    continue  # the line that was being written when the run was stopped
                self.trials[trial["name"]] = trial

    def has(self, name):
        """What failed is tried again."""
        return name in self.trials and not self.trials[name].get("invalid_because", "").startswith("failed")

    def add(self, name, seen):
        self.trials[name] = {"name": name, **seen}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(self.trials[name], separators=(",", ":")) + "\n")
            file.flush()


def write_json(path, content):
    Path(path).write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))
