"""Work of two sides in turns on the same data: medians, spreads, ratios, peak memory; one table, and JSON."""

import dataclasses
import json
import os
import statistics
import subprocess
import threading
import time


@dataclasses.dataclass
class Run:
    seconds: float
    peak_bytes: int | None = None
    figures: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Row:
    """One line of the table. Ratios say how many times as fast as the rival Caplet is."""

    work: str
    threads: int
    rival: str
    ours: list
    theirs: list
    bar: float | None = None
    # Bytes moved or operations done, and how many of them a second the machine does.
    amount: float | None = None
    limit: float | None = None
    note: str = ""

    @property
    def ratio(self):
        return median(self.theirs) / median(self.ours) if self.theirs else None

    @property
    def share_of_limit(self):
        """Of the bytes a second that memcpy reads and writes, or of the operations a second of sgemm."""
        return self.amount / median(self.ours) / self.limit if self.limit else None

    def record(self):
        return {
            "work": self.work, "threads": self.threads, "rival": self.rival, "seconds": median(self.ours),
            "rivalSeconds": median(self.theirs) if self.theirs else None, "ratio": self.ratio, "bar": self.bar,
            "spread": [run.seconds for run in self.ours], "rivalSpread": [run.seconds for run in self.theirs],
            "peakBytes": peak(self.ours), "rivalPeakBytes": peak(self.theirs), "shareOfLimit": self.share_of_limit,
            "figures": self.ours[-1].figures, "rivalFigures": self.theirs[-1].figures if self.theirs else {}, "note": self.note,
        }


def median(runs):
    return statistics.median(run.seconds for run in runs)


def peak(runs):
    peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
    return max(peaks) if peaks else None


def in_turns(sides, rounds, warm_up=True):
    """Runs every side once a round, A B A B; the first round, which meets cold caches, is not counted unless told so."""
    results = [[] for _ in sides]
    for index in range(rounds + 1 if warm_up else rounds):
        for side, result in zip(sides, results):
            run = side()
            if index > 0 or not warm_up:
                result.append(run)
    return results


def in_process(body, least_seconds=0.05):
    """A side that calls `body` so often that the clock tells."""
    def side():
        calls, start = 0, time.perf_counter()
        while calls == 0 or time.perf_counter() - start < least_seconds:
            body()
            calls += 1
        return Run((time.perf_counter() - start) / calls)
    return side


def in_child(command, outputs, reports_seconds=False, environment=None):
    """A side that is a process. Its outputs, which must not exist, are on the disk when the time ends, and are removed after it.

    A child that `reports_seconds` prints them, alone or with figures as JSON on its last line, and has synced its output itself: what it
    takes to start an interpreter and to import packages is not its work.
    """
    def side():
        start = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
        memory = AnonymousMemory(process.pid)
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}: exit status {process.returncode}")
        if not reports_seconds:
            for path in outputs:
                sync(path)
        last = json.loads(output.splitlines()[-1]) if reports_seconds else time.perf_counter() - start
        figures = last if isinstance(last, dict) else {"seconds": last}
        seconds = figures.pop("seconds")
        for path in outputs:
            os.remove(path)
        return Run(seconds, memory.peak(), figures)
    return side


class AnonymousMemory:
    """The largest RssAnon of a process, looked at every 10 ms: its memory but for the pages of files that it maps."""

    def __init__(self, pid):
        self.pid, self.bytes = pid, 0
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        try:
            while True:
                with open(f"/proc/{self.pid}/status") as status:
                    line = next((line for line in status if line.startswith("RssAnon")), None)
                if line is None:
                    return
                self.bytes = max(self.bytes, int(line.split()[1]) * 1024)
                time.sleep(0.01)
        except (FileNotFoundError, ProcessLookupError):
            return

    def peak(self):
        self.thread.join()
        return self.bytes


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def spread(runs):
    seconds = [run.seconds for run in runs]
    return f"{min(seconds):.3g}–{max(seconds):.3g}"


def table(rows):
    header = ["work", "threads", "seconds", "spread", "rival", "seconds", "spread", "ratio", "bar", "own MB", "rival's", "of limit", "note"]
    lines = [header, ["---"] * len(header)]
    for row in rows:
        def megabytes(runs):
            return f"{peak(runs) / 1e6:.0f}" if peak(runs) is not None else "–"
        share = row.share_of_limit
        lines.append([
            row.work, str(row.threads), f"{median(row.ours):.3g}", spread(row.ours), row.rival,
            f"{median(row.theirs):.3g}" if row.theirs else "–", spread(row.theirs) if row.theirs else "–",
            f"{row.ratio:.2f}" if row.theirs else "–", f"≥ {row.bar:g}" if row.bar else "–", megabytes(row.ours), megabytes(row.theirs),
            f"{share:.0%}" if share else "–", row.note or "–",
        ])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_json(path, machine, rows):
    with open(path, "w") as file:
        json.dump({"machine": machine, "rows": [row.record() for row in rows]}, file, indent=2)
        file.write("\n")
