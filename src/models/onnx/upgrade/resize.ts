import { string, type Attribute, type Value } from '../../../ir/index.ts';
import { toFloat32 } from '../../../tensor/index.ts';
import type { NodeCall, Upgrade } from './upgrade.ts';

/** Upsample enlarges only, and its nearest element is the one before. */
export const upgradeUpsample: Upgrade = (call) => resized(call, 'floor');

/**
 * Resize of version 10 had no modes of coordinates: a position in the result, divided by the scale, is one in the input. Of the nearest
 * elements, ONNX Runtime takes the one before where an axis is enlarged, and the one after where it is made smaller.
 */
export const upgradeResize: Upgrade = (call, { refused }) => {
  if (!isNearest(call)) return resized(call, 'floor');
  const scales = knownFloats(call.inputs[1]);
  if (scales?.every((scale) => scale >= 1)) return resized(call, 'floor');
  if (scales?.every((scale) => scale <= 1)) return resized(call, 'ceil');
  const reason = scales
    ? 'enlarges one axis and makes another smaller'
    : 'takes the nearest elements by a computed scale';
  throw refused(`${reason}; export it again with constant scales`);
};

function resized(call: NodeCall, nearest: 'floor' | 'ceil'): NodeCall {
  const [x, scales] = call.inputs;
  const attributes = new Map<string, Attribute>([
    ...call.attributes,
    ['coordinate_transformation_mode', string('asymmetric')],
    ['nearest_mode', string(nearest)],
  ]);
  return { ...call, opType: 'Resize', inputs: [x, undefined, scales], attributes };
}

function isNearest({ attributes }: NodeCall): boolean {
  const mode = attributes.get('mode');
  return mode?.kind !== 'string' || new TextDecoder().decode(mode.value) === 'nearest';
}

function knownFloats(value: Value | undefined): Float32Array | undefined {
  const { constant } = value ?? {};
  return constant?.kind === 'inline' ? toFloat32(constant.tensor) : undefined;
}
