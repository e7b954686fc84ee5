"""The engine in plain torch operations: any device, differentiable, obviously right."""
