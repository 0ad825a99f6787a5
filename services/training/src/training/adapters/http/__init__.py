"""Training over HTTP: bodies in, answers out, and one problem document for each refusal."""
