"""Networks: the standalone one, the supernet in which all of a space find theirs, and their attention."""
