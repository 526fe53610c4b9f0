import { tensorOf } from '../../tensor/index.ts';
import type { Node, Tape, Value } from '../../ir/index.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { constantNumbers, positiveAxis, shapeOf } from '../shapes.ts';

/**
 * Resize: resamples the data. Along each axis this is the product with a matrix R, which depends on the mode.
 *
 *   dX = dY · Rᵀ along each resized axis. R is computed by resizing the unit matrix.
 *
 * @see ONNX Resize-19
 */
export const resizeGradient = gradientRule({
  opType: 'Resize',
  inputs: ['X', 'roi?', 'scales?', 'sizes?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, scales }, gradients: { Y: dY } }) => ({
    X() {
      if (node.stringAttribute('coordinate_transformation_mode') === 'tf_crop_and_resize') {
        throw notDefined(node, 'Resize of a region');
      }
      const [from, to] = [shapeOf(X, node), shapeOf(dY, node)];
      let gradient = dY;
      for (const [axis, size] of from.entries()) {
        const length = to[axis];
        if (size === length && size !== undefined) continue;
        if (typeof size !== 'number' || typeof length !== 'number')
          throw notDefined(node, 'Resize of unknown dimensions');
        const scale = scales && scaleOf(node, scales, { axis, rank: from.length });
        gradient = alongAxis(tape, gradient, axis, resizedUnit(tape, node, { size, length, scale }));
      }
      return gradient;
    },
  }),
});

/** The scale of an axis; undefined if the operator has sizes. */
function scaleOf(node: Node, scales: Value, { axis, rank }: { axis: number; rank: number }): number | undefined {
  const axes = node.intsAttribute('axes')?.map((each) => positiveAxis(each, rank));
  return constantNumbers(scales)?.[axes ? axes.indexOf(axis) : axis];
}

interface Resized {
  readonly size: number;
  readonly length: number;
  readonly scale: number | undefined;
}

/** R [size, length]: row i contains the weights of element i in each element of the result. */
function resizedUnit(tape: Tape, node: Node, { size, length, scale }: Resized): Value {
  const unit = Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  const matrix = tape.constant(tensorOf('float32', [size, size], unit));
  const ignored = ['axes', 'keep_aspect_ratio_policy'];
  const attributes = Object.fromEntries([...node.attributes].filter(([name]) => !ignored.includes(name)));
  const inputs =
    scale === undefined
      ? [matrix, undefined, undefined, tape.int64s([size, length])]
      : [matrix, undefined, tape.constant(tensorOf('float32', [2], [1, scale]))];
  return tape.op('Resize', inputs, { attributes, shape: [size, length] });
}

/** x · matrixᵀ along one axis, which is transposed to the last place and back. */
function alongAxis(tape: Tape, x: Value, axis: number, matrix: Value): Value {
  const transposed = tape.op('Transpose', [matrix]);
  const last = (x.shape?.length ?? 0) - 1;
  if (axis === last) return tape.op('MatMul', [x, transposed]);
  const order = Array.from({ length: last + 1 }, (_, i) => i);
  const perm = order.with(axis, last).with(last, axis);
  const turned = tape.op('Transpose', [x], { attributes: { perm } });
  return tape.op('Transpose', [tape.op('MatMul', [turned, transposed])], { attributes: { perm } });
}
