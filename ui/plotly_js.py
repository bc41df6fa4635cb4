"""plotly.js for the browser: taken from the plotly package, packed once, served as a static file.

Packed here because the server would otherwise compress its 4.8 MB anew for every visitor.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

STATIC = Path(__file__).parent.parent / "static"


@cache
def plotly_address() -> str:
    """Where the browser finds plotly.js, gzipped, relative to the app; put there if need be."""
    target = STATIC / f"plotly-{version('plotly')}.min.js.gz"
    if not target.exists():
        STATIC.mkdir(exist_ok=True)
        package = find_spec("plotly")
        assert package is not None and package.origin is not None
        source = Path(package.origin).parent / "package_data" / "plotly.min.js"
        packed = gzip.compress(source.read_bytes(), compresslevel=6)
        with tempfile.NamedTemporaryFile(dir=STATIC, delete=False) as file:
            file.write(packed)
        os.chmod(file.name, 0o644)
        os.replace(file.name, target)  # whole or not at all, whoever else does the same at this moment
    return f"app/static/{target.name}"
