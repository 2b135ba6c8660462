"""Draw examples/tiles and examples/masks anew: ``python examples/draw.py``."""

from pathlib import Path

from salt_train import synthetic

if __name__ == "__main__":
    synthetic.write(synthetic.draw(24, seed=0), Path(__file__).parent)
