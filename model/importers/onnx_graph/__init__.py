"""Reads the network, and the preparation before it, in an ONNX graph."""
