"""Facts drawn: matplotlib's SVG inside the page, in the page's own colours."""
