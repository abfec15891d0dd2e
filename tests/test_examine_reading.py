"""Each rule of the reading: what makes it fire, and what does not."""

import copy

import pytest

from manloc_jax.examine import reading
from manloc_jax.examine import section as section_lib

UNKNOWN = section_lib.cannot_tell('a reason')
# Facts of a camera's file, for which no rule fires.
PLAIN = {
    'identity': {
        'format': 'JPEG', 'suffix': '.jpg', 'suffix_fits': True,
        'pixels': {'width': 4000, 'height': 3000, 'note': ''},
        'trailing': {
            'bytes': 0, 'only_zeros': None, 'first_bytes': None,
            'embedded_files': [], 'has_index_of_images': False,
        },
    },
    'provenance': {
        'credentials': UNKNOWN, 'digital_source_types': [],
        'generator_settings': [],
    },
    'metadata': {
        'summary': {'make': 'Canon'},
        'exif': [{'group': 'Image', 'name': 'Make', 'value': 'Canon'}],
        'xmp': None, 'iptc': [], 'edit_history': [], 'flags': [],
    },
    'jpeg_history': {
        'is_jpeg': True, 'photoshop_quality': None,
        'encoder': {'known': [], 'estimated_quality': 95},
        'earlier_compressions': UNKNOWN, 'earlier_grid': UNKNOWN,
    },
    'thumbnail': {'previews': [{'source': 'EXIF', 'agreement': 'agrees'}]},
    'maps': {
        'fusion': {
            'image_score': 0.2, 'threshold': 0.5, 'marked_fraction': 0.0,
            'regions': [], 'region_count': 0, 'limits': [],
            'unmeasurable_fraction': 0.0, 'image_score_is_probability': False,
        }
    },
}  # fmt: skip
INVALID = {'state': 'invalid', 'failures': ['assertion.dataHash.mismatch']}
VALID = {
    'state': 'valid', 'signer': 'A', 'digital_source_types': ['digitalCapture'],
}  # fmt: skip
GENERATED = {**VALID, 'digital_source_types': ['trainedAlgorithmicMedia']}
MARKED = {
    'threshold': 0.65, 'marked_fraction': 0.1, 'region_count': 2,
    'image_score_is_probability': False,
}  # fmt: skip
TRAILING = {**PLAIN['identity']['trailing'], 'bytes': 9, 'only_zeros': False}


def changed(place: str, value: object) -> dict:
  """The plain facts with another value at `section.key.key`."""
  facts = copy.deepcopy(PLAIN)
  *keys, last = place.split('.')
  inner = facts
  for key in keys:
    inner = inner[key]
  inner[last] = value
  return facts


def flag(name: str) -> list[dict]:
  return [{'id': name, 'reason': 'A sentence.'}]


# For each rule: facts that make it fire, and similar ones that do not.
CASES = {
    'credentials_broken': [
        ('provenance.credentials', INVALID), ('provenance.credentials', VALID)
    ],
    'declared_generated': [
        ('provenance.credentials', GENERATED), ('provenance.credentials', VALID)
    ],
    'generator_settings': [
        ('provenance.generator_settings',
         [{'generator': 'ComfyUI', 'field': 'prompt', 'value': 'x'}]),
        ('provenance.generator_settings', []),
    ],
    'preview_disagrees': [
        ('thumbnail.previews', [{'agreement': 'disagrees'}]),
        ('thumbnail.previews', [{'agreement': UNKNOWN}]),
    ],
    'preview_has_other_shape': [
        ('thumbnail.previews', [{'agreement': 'other shape'}]),
        ('thumbnail.previews', []),
    ],
    'editor_named': [
        ('metadata.flags', flag('editor_named')),
        ('metadata.flags', flag('size_differs')),
    ],
    'edit_history': [
        ('metadata.edit_history', ['saved']), ('metadata.edit_history', [])
    ],
    'modified_later': [
        ('metadata.flags', flag('modified_after_taken')),
        ('metadata.flags', flag('modified_before_taken')),
    ],
    'dates_contradict': [
        ('metadata.flags', flag('gps_on_another_day')),
        ('metadata.flags', flag('modified_after_taken')),
    ],
    'size_differs': [
        ('metadata.flags', flag('size_differs')), ('metadata.flags', [])
    ],
    'suffix_differs': [
        ('identity.suffix_fits', False), ('identity.suffix_fits', None)
    ],
    'data_after_image': [
        ('identity.trailing', TRAILING),
        ('identity.trailing', {**TRAILING, 'only_zeros': True}),
    ],
    'encoder_is_no_camera': [
        ('jpeg_history.photoshop_quality', 10),
        ('jpeg_history.encoder.known', [{'encoder': 'libjpeg'}]),
    ],
    'saved_before': [
        ('jpeg_history.earlier_compressions', {'quality': 70}),
        ('jpeg_history.earlier_compressions', UNKNOWN),
    ],
    'grid_moved': [
        ('jpeg_history.earlier_grid', {'top': 0, 'left': 3}),
        ('jpeg_history.earlier_grid', {'top': 0, 'left': 0}),
    ],
    'map_marks_regions': [
        ('maps.fusion', {**MARKED, 'image_score': 0.7}),
        ('maps.fusion', {**MARKED, 'image_score': 0.6}),
    ],
    'credentials_hold': [
        ('provenance.credentials', VALID), ('provenance.credentials', INVALID)
    ],
    'no_credentials': [
        ('provenance.credentials', {'state': 'absent'}),
        ('provenance.credentials', UNKNOWN),
    ],
    'no_metadata': [
        ('metadata.exif', None),
        ('metadata.exif', UNKNOWN),
    ],
    'limited_file': [
        ('maps.fusion.limits', ['A sentence.']), ('maps.fusion.limits', [])
    ],
    'partly_unmeasurable': [
        ('maps.fusion.unmeasurable_fraction', 0.3),
        ('maps.fusion.unmeasurable_fraction', 0.02),
    ],
    'few_pixels': [
        ('identity.pixels', {'width': 320, 'height': 240, 'note': ''}),
        ('identity.pixels', UNKNOWN),
    ],
    'no_map': [('maps.fusion', UNKNOWN), ('maps.fusion.region_count', 0)],
}  # fmt: skip


def found(facts: dict) -> dict[str, str]:
  """The weight of each finding by its id."""
  findings = reading.read(facts)['findings']
  return {item['id']: item['weight'] for item in findings}


def test_plain_facts_make_no_rule_fire():
  assert found(PLAIN) == {}


def test_every_rule_has_a_case():
  assert [rule.find.__name__ for rule in reading.RULES] == list(CASES)


@pytest.mark.parametrize('name', CASES)
def test_a_rule_fires_and_does_not(name):
  fires, fires_not = (changed(*case) for case in CASES[name])
  (rule,) = (rule for rule in reading.RULES if rule.find.__name__ == name)
  assert found(fires)[name] == rule.weight
  assert name not in found(fires_not)


def test_no_rule_fails_where_nothing_could_be_told():
  failed = {'failed': UNKNOWN}
  facts = {key: failed for key in PLAIN if key != 'maps'}
  read = reading.read({**facts, 'maps': {'fusion': UNKNOWN}})
  assert [item['id'] for item in read['findings']] == ['no_map']


def test_a_probability_is_compared_with_one_half():
  fusion = {**MARKED, 'image_score_is_probability': True, 'image_score': 0.6}
  assert 'map_marks_regions' in found(changed('maps.fusion', fusion))
  fusion['image_score'] = 0.4
  assert 'map_marks_regions' not in found(changed('maps.fusion', fusion))


def test_absence_is_said_to_be_no_evidence():
  for name in ('no_credentials', 'no_metadata'):
    (sentence,) = (
        item['sentence']
        for item in reading.read(changed(*CASES[name][0]))['findings']
        if item['id'] == name
    )
    assert 'no evidence of tampering' in sentence


def test_counts_and_order():
  read = reading.read({
      **changed('provenance.credentials', INVALID),
      'maps': {'fusion': UNKNOWN},
  })
  assert read['counts'] == {'strong': 1, 'weak': 0, 'none': 1}
  assert [item['weight'] for item in read['findings']] == ['strong', 'none']
  assert any('genuine' in sentence for sentence in read['cannot_be_said'])
