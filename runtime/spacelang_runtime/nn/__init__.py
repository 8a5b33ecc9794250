"""Networks: the standalone one, the supernet in which all of a space find theirs, one taken out of the other, and a
network on the disk."""
