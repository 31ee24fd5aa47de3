"""The cluster as a picture: zones are columns, pools are rows; for a terminal and as SVG."""
