"""The doubtful parcels of a map in front of people: a queue, a page that shows it, and the verdicts that come back."""
