"""The fast side, which trains: networks forward and back in float32, and the optimisers.

It computes what `engine.network` and `engine/cells/` do for the screen, a layer at a time (`layer.LayerPass`), and
nothing that training does not need. PyTorch is loaded where it is the fastest way, and not before.
"""
