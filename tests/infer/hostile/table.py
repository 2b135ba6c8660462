"""All cases, by chapter, and the document that shows them."""

from __future__ import annotations

from collections import Counter

from tests.infer.hostile import files, places, zips
from tests.infer.hostile.case import Case

MAX_MEMORY_MB = 32  # more than the process has before
MAX_CPU_S = 5
MAX_TABLE_MB, MAX_TABLE_CPU_S = 800, 60  # of the longest table of contents of a zip

CHAPTERS = {
    "The file x.png": files.cases,
    "Its name": places.names,
    "What is called x.png": places.links,
    "Folders": places.folders,
    "Changes under the reader": places.changes,
    "Zips": zips.cases,
    "Lists": places.lists,
    "URLs": places.urls,
}
CASES: list[tuple[str, Case]] = [
    (chapter, case) for chapter, make in CHAPTERS.items() for case in make()
]

HEAD = """# Hostile inputs

What `salt-infer --images` makes of inputs that are broken, strange or meant to harm. Each of the
{total} below is run through a whole job by `tests/infer/test_hostile.py`, which holds that

- it gives what the table says, and every sound tile beside it still gets its row;
- there is never a traceback: a reason or an error is one line that is safe to print;
- nothing is made, changed or removed but the output, which is whole or not there;
- no thread and no open file is left behind;
- memory grows by less than {memory} MB and less than {cpu} s of processor time are spent.

The last is not true of the largest zip that is taken: a table of contents may be 64 MiB long, about
a million tiles, and is read whole. It takes less than {table} MB and {table_cpu} s
(`pytest tests/infer/test_hostile.py -k longest`). A longer one is refused: a folder, or several
zips, may hold more.

*Tile*: it gets a row. *Bad tile*: it is named with a reason that holds these words, and the run
goes on (exit code 3). *Passed over*: it is no tile. *Error*: the run ends with these words and
without output (exit code 2).

| gives | inputs |
|---|---|
{counts}

This page is made by `python -m tests.infer.hostile > docs/hostile-inputs.md`.
"""


def document() -> str:
    """The document, in Markdown."""
    counts = Counter(case.gives for _, case in CASES)
    parts = [
        HEAD.format(
            total=len(CASES),
            memory=MAX_MEMORY_MB,
            cpu=MAX_CPU_S,
            table=MAX_TABLE_MB,
            table_cpu=MAX_TABLE_CPU_S,
            counts="\n".join(f"| {gives} | {count} |" for gives, count in counts.most_common()),
        )
    ]
    for chapter in CHAPTERS:
        parts += [f"\n## {chapter}\n\n| input | gives | with the words |\n|---|---|---|\n"]
        parts += [_row(case) for name, case in CASES if name == chapter]
    return "".join(parts)


def _row(case: Case) -> str:
    cells = (case.about, case.gives, case.says)
    return "| " + " | ".join(cell.replace("|", "\\|").strip() for cell in cells) + " |\n"
