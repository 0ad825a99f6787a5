"""Routes: they read a request, call one use case and draw its answer."""
