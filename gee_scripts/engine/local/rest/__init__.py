"""Earth Engine's REST surface: routes, the fields of requests, and what answers them."""
