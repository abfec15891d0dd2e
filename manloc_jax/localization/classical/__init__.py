"""The classical methods that the paper's table 6 compares with.

Each file of `methods` holds one method as `score(image) -> map`.
The maps are not calibrated: only the order of their values counts, high meaning
suspicious. A map with one value per block covers the complete 8x8 (16x16 for
`noise`) blocks from the upper left corner.

The paper names no implementation of them. These are written from their
articles; where those leave a choice, it is the one under which the map of the
public MATLAB toolbox (Zampoglou, Papadopoulos, Kompatsiaris: Large-scale
evaluation of splicing localization algorithms for web images, 2017) comes out.
"""
