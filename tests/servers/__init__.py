"""Real servers for tests: each on free ports of 127.0.0.1, in its own folder, stopped by process id."""
