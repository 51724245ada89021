"""Loaders: a file becomes plain numpy arrays in natural units (see types.py).

image.load_picture, audio.load_sound, pointcloud.load_points and video.load_video each read one
modality; none of them knows a model. The decoding libraries are imported when first used.
"""
