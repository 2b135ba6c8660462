"""Who runs the tiles, and how the steps overlap: threads and processes here, or Ray.

What a batch is on its way, in this order, whoever runs it:

- ``Group``: a number, and which tiles have it;
- ``Decoded``: their pixels, and the bad tiles with their reasons;
- ``Ran``: what the model says, a ``BatchResult`` of probabilities or masks ``Drawn`` on a device;
- ``Decided``: after gate and threshold, inside the predictor as well;
- ``FinishedGroup``: run-length strings and what else the journal keeps; it gives rows (``Row``).
"""
