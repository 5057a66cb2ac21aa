"""Processor time and memory of a process and all its descendants, from Linux's /proc."""

import os
from pathlib import Path
import threading

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.2


def tree(pid: int) -> list[int]:
    """The process and its descendants that are running now."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            fields = _stat(int(folder.name))
            if fields:
                parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    """Processor time of the tree so far, with children that have ended."""
    return sum(sum(map(int, fields[11:15])) for process in tree(pid) if (fields := _stat(process))) / TICKS


def resident_mb(pid: int) -> int:
    """Resident memory of the tree; pages that several processes share count once (PSS)."""
    total = 0
    for process in tree(pid):
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return total // 1024


class MemorySampler:
    """Samples the memory of a tree until stopped."""

    def __init__(self, pid: int):
        self.pid, self.peak, self.stopped = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()

    def _sample(self) -> None:
        while not self.stopped.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, resident_mb(self.pid))

    def stop(self) -> int:
        """The largest sum seen, in MB."""
        self.stopped.set()
        self.thread.join()
        return self.peak
