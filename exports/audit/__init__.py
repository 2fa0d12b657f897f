"""Whether the cubes of an export are all there, and what they hold.

`audit` compares, `label_agreement` asks the label map again, `report.write` tells.
"""

from exports.audit.agreement import Agreement, label_agreement
from exports.audit.comparison import Audit, audit

__all__ = ["Agreement", "Audit", "audit", "label_agreement"]
