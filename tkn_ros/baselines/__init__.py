"""Other networks that predict frames: the paper's eight peers and two of today, one file each.

Written from the equations of their papers, which each file cites. What all share is in `frames.py`;
`networks.py` lists them by name.
"""
