"""What an ONNX file promises and says of itself, read without a runtime."""
