"""The engine on NVIDIA GPUs: Triton kernels over the voxel sets of `skullfix.sparse`."""
