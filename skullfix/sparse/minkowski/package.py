"""The package MinkowskiEngine, imported so that Python 3.10 and later can."""

from __future__ import annotations

import collections
import collections.abc
import warnings

for _name in ("Sequence", "Mapping", "Iterable", "Callable"):  # Python 3.10 took them away
    if not hasattr(collections, _name):
        setattr(collections, _name, getattr(collections.abc, _name))

with warnings.catch_warnings():  # it warns that it was built for processors alone
    warnings.simplefilter("ignore")
    import MinkowskiEngine as ME
    from MinkowskiEngineBackend._C import ConvolutionMode

__all__ = ["ME", "ConvolutionMode"]
