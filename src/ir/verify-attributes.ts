import { EspalierError } from '../core/index.ts';
import type { AttributeKind } from './attribute.ts';
import type { Node } from './graph.ts';

/** Attribute names that have the same kind in all current operators of ONNX and ONNX Runtime. */
const namesOfKind: Partial<Record<AttributeKind, string>> = {
  int:
    'accuracy_level allowzero axis batch_dims bits block_size do_rotary exclusive ignore_index interleaved keepdims ' +
    'kv_num_heads largest local_window_size noop_with_empty_axes num_heads num_outputs reverse rotary_interleaved ' +
    'smooth_softmax sorted stash_type transA transB transBatchA transBatchB upper',
  float: 'alpha beta epsilon gamma softcap',
  string: 'approximate auto_pad direction equation mode reduction rounding_mode',
  ints: 'axes dilations kernel_shape output_padding pads perm strides value_ints',
  graph: 'body else_branch then_branch',
};

const kinds = new Map(
  Object.entries(namesOfKind).flatMap(([kind, names]) => names.split(' ').map((name) => [name, kind] as const)),
);

/**
 * Checks the kinds of attributes that have the same kind in all operators. An int in the place of a float (`alpha: 1`) is refused here
 * with its name. Otherwise ONNX Runtime would refuse the whole model.
 * @throws EspalierError IR_ATTRIBUTE
 */
export function verifyAttributes(node: Node): void {
  if (node.domain !== '' && node.domain !== 'com.microsoft') return;
  for (const [attribute, { kind }] of node.attributes) {
    const expected = kinds.get(attribute);
    if (expected === undefined || kind === expected || kind === 'reference') continue;
    const details = { attribute, node: node.label, opType: node.qualifiedType };
    throw new EspalierError('IR_ATTRIBUTE', { ...details, expected, actual: kind });
  }
}
