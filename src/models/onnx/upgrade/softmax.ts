import { int } from '../../../ir/index.ts';
import type { Upgrade } from './upgrade.ts';

/**
 * Before version 13, Softmax, LogSoftmax and Hardmax ran over their axis (by default 1) and all axes behind it; since then over one
 * axis. Over more than the last axis, the tensor is flattened to a matrix before, and reshaped after.
 */
export const upgradeSoftmax: Upgrade = (call, { tape }) => {
  const [x] = call.inputs;
  const given = call.attributes.get('axis');
  const axis = given?.kind === 'int' ? Number(given.value) : 1;
  const rank = x?.shape?.length;
  const attributes = new Map(call.attributes).set('axis', int(-1));
  if (x === undefined || axis === -1 || axis + 1 === rank) return { ...call, attributes };
  const matrix = tape.op('Flatten', [x], { attributes: { axis } });
  return {
    ...call,
    inputs: [matrix],
    attributes,
    after: (output) => tape.op('Reshape', [output, tape.op('Shape', [x])]),
  };
};
