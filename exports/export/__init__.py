"""The export of a run's cubes: planned, paid for within a budget, run to its end, and put in place when all is here.

`commands` is what is typed and `told` what is printed; `cubes` keeps an export's files, `ledger` its shards; `running`
brings these to their end by one of the `routes`, and `budget`, `failures`, `window` say what it may do next.
"""
