"""What runs a model file: ONNX Runtime and OpenVINO, on processors and GPUs."""
