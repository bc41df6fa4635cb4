"""plotly.js for the browser: taken from the plotly package, packed once, served as a static file.

Packed here because the server would otherwise compress its 4.8 MB anew for every visitor.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import plotly

STATIC = Path(__file__).parent.parent / "static"


@cache
def plotly_address() -> str:
    """Where the browser finds plotly.js, gzipped, relative to the app; put there if need be."""
    target = STATIC / f"plotly-{plotly.__version__}.min.js.gz"
    if not target.exists():
        STATIC.mkdir(exist_ok=True)
        packed = gzip.compress(files("plotly").joinpath("package_data/plotly.min.js").read_bytes(), compresslevel=6)
        with tempfile.NamedTemporaryFile(dir=STATIC, delete=False) as file:
            file.write(packed)
        os.chmod(file.name, 0o644)
        os.replace(file.name, target)  # whole or not at all, whoever else does the same at this moment
    return f"app/static/{target.name}"
