"""Amazon Athena's API on one machine.

``athena_local.Server`` runs a server in a process of its own::

    with athena_local.Server(seed=True) as server:
        os.environ.update(server.environment)
"""

from __future__ import annotations

__version__ = "0.1.0"

from .server import Server, ServerError

__all__ = ["Server", "ServerError", "__version__"]
