"""From cells of a frame to codes."""
