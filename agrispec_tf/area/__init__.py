"""How much of each class there is, and how right the map, from a sample whose classes somebody looked up.

Counting a map's pixels counts its errors too. A stratified random sample and its reference classes estimate both
without bias, and say how far off they may be. `strata` says what the area is divided into, `design` how many units to
look up, `drawing` which ones; `matching` lays them on a map, `reference_sample` counts what was found, and `estimation`
says what it tells.
"""
