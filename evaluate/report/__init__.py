"""The report as one self-contained HTML page: templates, style, and the page that fills them."""
