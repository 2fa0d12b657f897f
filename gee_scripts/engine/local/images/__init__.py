"""Image values to pixels: read from files, put on the grid that is asked for, in few passes over memory."""
