"""MinkowskiEngine behind our interface: for parity with the paper, where it is installed."""
