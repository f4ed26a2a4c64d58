# SPDX-License-Identifier: Apache-2.0
"""Draws counted stacks as a flame graph: a frame is as wide as it has samples, its callers lie below it.

One SVG file without scripts; the words of a frame that has no room for them are in its tooltip. The same stacks give the
same file.
"""

import dataclasses
from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, MARGIN, HEAD, ROW = 1200, 10, 52, 18  # pixels
LETTER = 6.2  # the mean width of one, in pixels
LEAST = 0.4  # narrower frames are not drawn
# Fills by whose the function is: a map's own, a library's, the kernel's, the loop.
OWN, LIBRARY, KERNEL, LOOP = "#f0a35e", "#8fb8de", "#b9b9b9", "#d9cfe6"


@dataclasses.dataclass
class Node:
    """A function as called along one path: its samples, those of what it calls included."""

    samples: int = 0
    calls: dict[str, "Node"] = dataclasses.field(default_factory=dict)


def tree(stacks: Mapping[tuple[str, ...], int]) -> Node:
    """The stacks, outermost function first, as one tree."""
    root = Node()
    for stack, n in stacks.items():
        root.samples += n
        node = root
        for name in stack:
            node = node.calls.setdefault(name, Node())
            node.samples += n
    return root


def draw(stacks: Mapping[tuple[str, ...], int], title: str, subtitle: str) -> str:
    """The SVG; linear in the frames."""
    root = tree(stacks)
    depth = max((len(stack) for stack in stacks), default=0)
    height = HEAD + depth * ROW + MARGIN
    scale = (WIDTH - 2 * MARGIN) / max(1, root.samples)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="11">',
        f"<title>{_text(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="20" font-size="15" font-weight="bold">{_text(title)}</text>',
        f'<text x="{MARGIN}" y="38" fill="#444444">{_text(subtitle)}</text>']
    # (node's calls, where they begin in samples, how deep), with a list in place of recursion: stacks may be deep.
    waiting = [(root, 0, 0)]
    while waiting:
        node, begin, level = waiting.pop()
        for name, call in sorted(node.calls.items()):
            x, width = MARGIN + begin * scale, call.samples * scale
            if width >= LEAST:
                out.append(_frame(name, call.samples, call.samples / root.samples, x, height - MARGIN - (level + 1) * ROW, width, level))
                waiting.append((call, begin, level + 1))
            begin += call.samples
    return "\n".join([*out, "</svg>", ""])


def _frame(name: str, samples: int, share: float, x: float, y: float, width: float, level: int) -> str:
    room = int((width - 6) / LETTER)
    label = name if len(name) <= room else name[:max(0, room - 1)] + "…"
    words = f'<text x="{x + 3:.1f}" y="{y + 12.5:.1f}">{_text(label)}</text>' if room >= 3 else ""
    return (f'<g><title>{_text(name)}: {samples} samples, {100 * share:.1f} %</title>'
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{ROW - 1}" rx="1.5" fill="{_fill(name, level)}" '
            f'stroke="#ffffff" stroke-width="0.5"/>{words}</g>')


def _fill(name: str, level: int) -> str:
    if level == 0:
        return LOOP
    return KERNEL if name.startswith("[kernel]") else LIBRARY if name.startswith("[") else OWN


def _text(text: str) -> str:
    """Text of an XML file: escaped, and without what XML has no way to say."""
    return escape("".join(c if c.isprintable() else "?" for c in text), {'"': "&quot;"})
