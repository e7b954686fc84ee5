"""The sparse-tensor engine: voxel sets, convolutions, pruning; knows nothing of medicine."""
