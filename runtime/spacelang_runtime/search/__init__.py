"""From a trained supernet to the best network within bounds, with a journal of all that was scored."""
