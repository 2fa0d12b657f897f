import subprocess
import sys

PROGRAM = """
import sys
sys.modules["numba"] = None
import numpy as np
from agrispec.kernels import gap_filling, median, resampling, whittaker
rng = np.random.default_rng(0)
values, seen = rng.random((3, 9, 2)).astype(np.float32), rng.random((3, 9)) < 0.5
print(float(sum(answer.sum() for answer in (
    *median.median(values, seen[:, :2].repeat(9, axis=1).reshape(3, 2, 9).transpose(0, 2, 1)),
    gap_filling.linear(values, seen, 1, 8), resampling.resize(values, 1, 8, 12),
    resampling.read(values, [[0.5, 7.25]] * 3),
    whittaker.smooth(values, seen.astype(np.float32), 3.0)))))
"""


def test_kernels_answer_the_same_where_numba_is_not_installed():
    answers = [float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True,
                                    text=True).stdout)
               for program in (PROGRAM, PROGRAM.replace('sys.modules["numba"] = None', ""))]
    assert abs(answers[0] - answers[1]) < 1e-3
