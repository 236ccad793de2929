"""From predictions to numbers one may believe: metrics, intervals, comparisons, figures, report."""
