"""Running under uvicorn: connection protocol, event loop, and the fast path for cached responses."""
