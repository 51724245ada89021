"""Loaders, which decode a file to plain numpy arrays in natural units (see types.py).

image.load_picture, audio.load_sound, pointcloud.load_points and video.load_video each read one
modality, independent of any model. The decoding libraries are imported when first used.
"""
