"""Inputs that a reader of other people's files must survive, and what each gives.

``python -m tests.infer.hostile`` prints them as the table in ``docs/hostile-inputs.md``.
"""
