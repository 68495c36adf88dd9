"""What was measured, as text and as a table for the docs: medians, ratios, targets."""

import statistics
from dataclasses import dataclass

MB = 1024 * 1024


@dataclass
class Measured:
    """One run of one tool. Times in seconds, sizes in bytes, what the application felt in milliseconds."""

    seconds: float
    in_all: float  # with the old table gone
    unverified: float | None  # of ours: without the comparison, from the first copied row to the cut-over
    wal: float
    wal_in_all: float
    disk: float  # most that the tables took beyond what they took before
    pg_wal: float  # most that the folder of the WAL took
    block: float  # longest wait for a lock on the table
    felt: object = None
    before: object = None
    faults: int = 0
    steps: dict | None = None


def median_of(rounds, name):
    values = [getattr(one, name) for one in rounds if getattr(one, name) is not None]
    return statistics.median(values) if values else None


def felt_of(rounds, which, name):
    values = [getattr(getattr(one, which), name) for one in rounds if getattr(one, which) is not None]
    return statistics.median(values) if values else None


def number(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def ratio(value, other):
    return "" if value is None or not other else f"{value / other:.2f}"


HEAD = ["", "s", "x ALTER", "x pg_repack", "s w/o verify", "s in all", "WAL MB", "WAL MB in all", "disk MB", "pg_wal MB"]
HEAD_FELT = ["p50 ms", "p99 ms", "max ms", "block ms", "/s", "p50 before", "p99 before", "/s before", "p99 x", "errors"]


def row(name, rounds, seconds_of):
    """One tool's line: medians of its rounds."""
    seconds = median_of(rounds, "seconds")
    words = [name, number(seconds, 2), ratio(seconds, seconds_of.get("ALTER TABLE")), ratio(seconds, seconds_of.get("pg_repack")),
             number(median_of(rounds, "unverified"), 2), number(median_of(rounds, "in_all"), 2)]
    words += [number(median_of(rounds, key) / MB, 0) for key in ("wal", "wal_in_all", "disk", "pg_wal")]
    if rounds[0].felt is None:
        return words
    p99, before = felt_of(rounds, "felt", "p99"), felt_of(rounds, "before", "p99")
    return words + [
        number(felt_of(rounds, "felt", "p50"), 2), number(p99, 2), number(max(one.felt.worst for one in rounds)),
        number(max(one.block for one in rounds), 0), number(felt_of(rounds, "felt", "rate"), 0),
        number(felt_of(rounds, "before", "p50"), 2), number(before, 2), number(felt_of(rounds, "before", "rate"), 0),
        ratio(p99, before), str(sum(one.faults for one in rounds))]


def table(results):
    """Lines of cells of one scenario: {tool: [Measured]}."""
    seconds_of = {name: median_of(rounds, "seconds") for name, rounds in results.items() if rounds}
    rows = [row(name, rounds, seconds_of) for name, rounds in results.items() if rounds]
    with_felt = any(len(one) > len(HEAD) for one in rows)
    return [HEAD + (HEAD_FELT if with_felt else []), *rows]


def text_of(lines):
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(max(map(len, lines)))]
    return "\n".join("  ".join(word.ljust(width) if i == 0 else word.rjust(width)
                               for i, (word, width) in enumerate(zip(line, widths))) for line in lines)


def markdown_of(lines):
    def line_of(words):
        return "| " + " | ".join(words) + " |"

    return "\n".join([line_of(lines[0]), "|" + "---|" * len(lines[0]), *map(line_of, lines[1:])])


def steps_of(results):
    """Where pgseam's time goes: seconds of each step, medians."""
    lines = []
    for name, rounds in results.items():
        kinds = [kind for one in rounds[:1] for kind in (one.steps or {})]
        if kinds:
            shown = ", ".join(f"{kind.removeprefix('rewrite.')} {statistics.median(one.steps.get(kind, 0) for one in rounds):.2f}"
                              for kind in sorted(kinds))
            lines.append(f"  {name}: {shown}")
    return "\n".join(lines)


def targets(found):
    """(what, the bound, what was reached) of each target for which there are figures. `found`: {scenario: {tool: [Measured]}}."""
    idle = found.get("idle", {})
    plain, peer = idle.get("ALTER TABLE"), idle.get("pg_repack")
    for name, rounds in idle.items():
        if not rounds or rounds[0].steps is None:
            continue
        seconds = median_of(rounds, "seconds")
        if plain and "start" in name:
            yield f"{name}: time beside ALTER TABLE", 1.0, seconds / median_of(plain, "seconds")
            yield f"{name}: the same without verification", 0.8, median_of(rounds, "unverified") / median_of(plain, "seconds")
            yield f"{name}: WAL beside ALTER TABLE", 1.0, median_of(rounds, "wal") / median_of(plain, "wal")
        if peer:
            yield f"{name}: time beside pg_repack", 1.0, seconds / median_of(peer, "seconds")
        flat = found.get("flat out", {}).get(name)
        if flat:
            yield f"{name}: time flat out beside idle", 1.3, median_of(flat, "seconds") / seconds
    for scenario, tools in found.items():
        for name, rounds in tools.items():
            if not rounds or rounds[0].steps is None or rounds[0].felt is None:
                continue
            yield f"{name}, {scenario}: p99 beside that before", 2.0, felt_of(rounds, "felt", "p99") / felt_of(rounds, "before", "p99")
            yield f"{name}, {scenario}: longest block in ms", 50.0, max(one.block for one in rounds)


def verdicts(found):
    return "\n".join(f"  {what}: {reached:.2f}, target {bound:g}: {'held' if reached <= bound else 'MISSED'}"
                     for what, bound, reached in targets(found))
