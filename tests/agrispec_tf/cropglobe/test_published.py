"""Published figures."""

from agrispec_tf.cropglobe import published


def test_published_figures_name_where_they_come_from():
    assert {figure.tag for figure in published.PUBLISHED} == {"seed v1", "3rd v3"}
    both = {(figure.source, figure.target) for figure in published.PUBLISHED}
    assert both <= {pair for pairs in published.SCENARIOS.values() for pair in pairs}
