"""How good a kind of model is on places, regions, seasons and dates that taught it nothing."""
