"""Where the rooms are put together: the command line, and the service in one process. Nothing imports this."""
