"""Masks of salt bodies from seismic tiles, through ONNX Runtime."""

__version__ = "0.1.0"
