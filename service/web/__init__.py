"""HTTP: routes, middleware and errors, on Flask."""
