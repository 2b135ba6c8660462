"""``python -m tests.infer.hostile > docs/hostile-inputs.md``."""

from tests.infer.hostile.table import document

print(document(), end="")
