import jax
import numpy as np

from manloc_jax.training import augment


def test_symmetries_move_image_and_mask_alike_and_reach_all_eight():
  side = 4
  mask = np.arange(side * side, dtype=np.uint8).reshape(1, side, side)
  masks = np.repeat(mask, 200, axis=0)
  images = np.stack([masks, masks + 1, masks + 2], axis=-1)
  # Frequencies are transposed, the entries of each stay together.
  table = np.arange(128, dtype=np.uint8).reshape(1, 8, 8, 2)
  new_images, new_masks, new_tables = augment.random_symmetry(
      images, masks, np.repeat(table, 200, axis=0), jax.random.key(0)
  )
  np.testing.assert_array_equal(new_images[..., 0], new_masks)
  seen = {np.asarray(m).tobytes() for m in new_masks}
  rotations = [np.rot90(mask[0], k) for k in range(4)]
  eight = rotations + [r.T for r in rotations]
  assert seen == {np.ascontiguousarray(m).tobytes() for m in eight}
  flips = [m.tobytes() for m in (
      mask[0], mask[0, ::-1], mask[0, :, ::-1], mask[0, ::-1, ::-1]
  )]
  for new_mask, new_table in zip(new_masks, new_tables, strict=True):
    is_flip = np.asarray(new_mask).tobytes() in flips
    want = table[0] if is_flip else table[0].swapaxes(0, 1)
    np.testing.assert_array_equal(new_table, want)
