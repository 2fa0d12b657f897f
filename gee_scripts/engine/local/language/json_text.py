"""JSON texts to values, as strictly as the service reads them: numbers are finite, and nothing is nested too deeply."""

from __future__ import annotations

import json
import math
from typing import Any


def decoded(content: str | bytes) -> Any:
    """The value of a text.

    Raises:
        ValueError: it is no JSON; its message says where and why.
    """
    try:
        return json.loads(content, parse_constant=_no_number, parse_float=_finite, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("It is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"Unexpected token at character {error.pos + 1}") from error
    except UnicodeDecodeError as error:
        raise ValueError("It is no UTF-8") from error


def _no_number(digits: str) -> Any:
    raise ValueError(f"{digits[:40]} is no number that can be read")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_number(digits)


# Of doubles, the largest has as many digits; Python reads no more than some thousand.
_MOST_DIGITS = 309


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS + 1 else _no_number(digits)
