"""Training any network: its state, the one loop, optimisers, augmentation, checkpoints."""
