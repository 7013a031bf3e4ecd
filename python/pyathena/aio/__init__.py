"""The asyncio interface: connections and cursors whose every wait is a wait of the event loop."""
