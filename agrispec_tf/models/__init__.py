"""Networks, one a file, each built from a frozen class of options."""
