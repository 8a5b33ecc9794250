"""From a supernet and images to a trained supernet: sandwich after sandwich."""
