from __future__ import annotations

import zipfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from salt_infer.data import tree

NAMES = st.sampled_from(["a", "images", "x.png", "train.csv", "__MACOSX", ".git", "b.zip"])
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=8)


def without_clashes(paths: list[str]) -> list[str]:
    """A file of one name and a folder of the same cannot both be in a directory."""
    return [path for path in paths if not any(other.startswith(path + "/") for other in paths)]


@settings(max_examples=60)
@given(PATHS)
def test_a_zip_looks_like_the_folder_that_was_packed(
    tmp_path_factory: object, paths: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")  # type: ignore[attr-defined]
    known = sorted(set(without_clashes(paths)))
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as archive:
        for path in known:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"")
            archive.writestr(path, b"")
        names = archive.namelist()
    on_disk, packed = tree.of_folder(root), tree.of_names(names)
    folders = {str(parent) + "/" for path in known for parent in Path(path).parents}
    for inside in {"", *(folder for folder in folders if folder != "./")}:
        assert on_disk(inside) == packed(inside)
    assert tree.wrapped(on_disk) == tree.wrapped(packed)


def test_folders_without_end_are_not_looked_through() -> None:
    listing = tree.of_names(["a/" * 50 + "x.png"])
    assert tree.wrapped(listing) == "a/" * tree.DEEPEST


def test_what_is_there_in_words() -> None:
    names = [f"{number}.jpg" for number in range(9)] + ["b/x.png", "c.png", "d.PNG"]
    assert str(tree.of_names(names)("")) == (
        "b/, 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, 4 more, 2 .png files"
    )
