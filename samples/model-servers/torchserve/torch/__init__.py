"""Stands for PyTorch, which the worker imports and this model does not use. Leave it out of your image, and install PyTorch."""


class Tensor: ...
