"""The implant's rim, where its surface must run on from the bone's."""
