"""The commands of learning, a module a stage; `cli.py` registers them."""
