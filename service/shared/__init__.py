"""Memory that forked workers share."""
