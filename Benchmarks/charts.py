#!/usr/bin/env python3
"""README's charts, docs/images/bytes.svg and docs/images/parameters.svg, drawn from the tables of docs/benchmarks.md.

    charts.py [--check]

With --check nothing is written: status 1 where a chart is not what the tables say. Excess loss is on a logarithmic axis, on which 0.0000 has no
place. The legend has the series in the order in which they lie, from the top. Colours follow the reader's light or dark surroundings.
"""

import argparse
import math
import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
WIDTH, PLOT, LEFT, RIGHT, LINE = 390, 230, 46, 14, 17
# Of each series its colour on light and on dark, and how its line is drawn.
STYLES = {
    "caplet": ("#b3261e", "#ff8a80", ""), "blue": ("#1f5fbf", "#8ab4f8", ""), "grey": ("#5f6368", "#bdc1c6", "4 3"),
    "green": ("#1b7f4b", "#81c995", ""), "violet": ("#7b3fb5", "#c58af9", ""), "brown": ("#8a5a00", "#fdd663", ""),
}


def rows(text, heading):
    """The cells of the table's rows whose heading has these columns, without emphasis."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(heading):
            next(lines)
            break
    else:
        sys.exit(f"docs/benchmarks.md has no table '{heading}'")
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip().strip("*").strip() for cell in line.strip().strip("|").split("|")]


def number(cell):
    """The number that a cell begins with; None of an empty one."""
    match = re.match(r"[\d,.]+", cell)
    return float(match.group().replace(",", "")) if match else None


def bytes_series(text):
    table = list(rows(text, "| llama-quantize | bytes |"))
    rival = [(number(row[1]) / 1e6, number(row[3])) for row in table]
    blocks = [(number(row[1]) / 1e6, number(row[4])) for row in table]
    packed = [(number(size) / 1e6, float(loss)) for size, loss in re.findall(r"([\d,]{7,}) (?:bytes )?\((0\.\d+)\)", text)]
    if not packed:
        sys.exit("docs/benchmarks.md has no list of .caplet files")
    return {"llama-quantize, with an importance matrix": (rival, "grey"), "Caplet's GGUF": (blocks, "blue"), ".caplet": (packed, "caplet")}


def parameter_series(text):
    styles = {"magnitude": "grey", "wanda": "brown", "sparsegpt": "violet", "alps with OWL's ratios": "green",
              "caplet without `match`": "blue", "caplet": "caplet"}
    found = {}
    for row in rows(text, "| | 70 % | 50 % | 30 % |"):
        if row[0] in styles:
            points = [(-keep, number(cell)) for keep, cell in zip((70, 50, 30), row[1:])]
            found[row[0].replace("`", "")] = ([point for point in points if point[1]], styles[row[0]])
    missing = {name.replace("`", "") for name in styles} - set(found)
    if missing:
        sys.exit(f"docs/benchmarks.md has no row of {', '.join(sorted(missing))}")
    return found


def chart(title, axis, series, ticks):
    """`ticks`: where the horizontal axis has a label, and the label."""
    series = {name: ([(x, y) for x, y in points if y > 0], style) for name, (points, style) in series.items()}
    everything = [point for points, _ in series.values() for point in points]
    low, high = (f(math.log10(y) for _, y in everything) for f in (min, max))
    low, high = math.floor(low * 2) / 2, math.ceil(high * 2) / 2
    first, last = min(x for x, _ in ticks), max(x for x, _ in ticks)
    first, last = min(first, *(x for x, _ in everything)), max(last, *(x for x, _ in everything))
    top = 40 + LINE * len(series)

    def across(x):
        return LEFT + 8 + (x - first) / (last - first) * (WIDTH - LEFT - RIGHT - 16)

    def down(y):
        return top + (high - math.log10(y)) / (high - low) * PLOT

    height = top + PLOT + 40
    light = " ".join(f".{name}{{stroke:{a};fill:{a}}}" for name, (a, _, _) in STYLES.items())
    dark = " ".join(f".{name}{{stroke:{b};fill:{b}}}" for name, (_, b, _) in STYLES.items())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">',
        "<style>text{font:12px sans-serif;fill:#202124} .title{font-weight:bold;font-size:13px} .paper{fill:#fff} .grid{stroke:#dadce0}",
        f"{light} polyline{{fill:none!important;stroke-width:1.8}}",
        "@media (prefers-color-scheme:dark){text{fill:#e8eaed} .paper{fill:#0d1117} .grid{stroke:#3c4043}",
        f"{dark}}}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>', f'<text class="title" x="8" y="18">{title}</text>']
    for exponent in range(math.ceil(low), math.floor(high) + 1):
        at = down(10.0**exponent)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{10.0**exponent:g}</text>')
    for x, label in ticks:
        parts.append(f'<line class="grid" x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{top}" y2="{top + PLOT}"/>')
        parts.append(f'<text x="{across(x):.1f}" y="{top + PLOT + 16}" text-anchor="middle">{label}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{top + PLOT + 33}" text-anchor="middle">{axis}</text>')
    for index, (name, points, style) in enumerate(from_the_top(series)):
        dash = STYLES[style][2]
        dash = f' stroke-dasharray="{dash}"' if dash else ""
        y = 36 + LINE * index
        parts.append(f'<circle class="{style}" cx="27" cy="{y}" r="3"/>')
        parts.append(f'<text x="{LEFT}" y="{y + 4}">{name}</text>')
        if len(points) > 1:
            parts.append(f'<polyline class="{style}"{dash} points="14,{y} 40,{y}"/>')
            path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in points)
            parts.append(f'<polyline class="{style}"{dash} points="{path}"/>')
        parts += [f'<circle class="{style}" cx="{across(x):.1f}" cy="{down(y):.1f}" r="3"/>' for x, y in points]
    return "\n".join(parts) + "\n</svg>\n"


def from_the_top(series):
    """(name, points by rising x, style), by the loss in the middle of what all series have."""
    ordered = [(name, sorted(points), style) for name, (points, style) in series.items()]
    first = max(points[0][0] for _, points, _ in ordered)
    last = min(points[-1][0] for _, points, _ in ordered)
    return sorted(ordered, key=lambda one: -loss_at(one[1], (first + last) / 2))


def loss_at(points, x):
    """The logarithm of the loss, between neighbours."""
    for (a, high), (b, low) in zip(points, points[1:]):
        if a <= x <= b:
            return math.log(high) + (x - a) / (b - a) * (math.log(low) - math.log(high))
    return math.log(points[0][1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 where a chart is not what the tables say")
    options = parser.parse_args()
    text = (REPOSITORY / "docs/benchmarks.md").read_text()
    charts = {
        "bytes.svg": chart("wren-7m: excess loss, nats a token", "megabytes of the whole file", bytes_series(text),
                           [(size, str(size)) for size in range(1, 6)]),
        "parameters.svg": chart("wren-7m: excess loss, nats a token", "linear layers’ parameters kept", parameter_series(text),
                                [(-keep, f"{keep} %") for keep in (70, 50, 30)]),
    }
    for name, drawn in charts.items():
        path = REPOSITORY / "docs/images" / name
        if not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(drawn)
        elif not path.exists() or path.read_text() != drawn:
            sys.exit(f"docs/images/{name} is not what docs/benchmarks.md says: Benchmarks/charts.py")


if __name__ == "__main__":
    main()
