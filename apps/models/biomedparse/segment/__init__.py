"""The way of one job through BiomedParse, in parts; `job.run` puts them in order.

Volumes are (D, H, W) = (z, y, x) as in input.npz until `slicing.Slices` turns the slicing axis to the front.
"""
