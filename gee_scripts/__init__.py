"""Earth Engine graphs, and the engines that compute them. Nothing is computed in the graph modules."""
