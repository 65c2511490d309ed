"""The model in memory: batch, standardizer, network, activations and risk model."""
