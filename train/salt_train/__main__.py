"""``python -m salt_train`` is ``salt-train``; ``torchrun -m salt_train`` starts several of them."""

from salt_train import main

main()
