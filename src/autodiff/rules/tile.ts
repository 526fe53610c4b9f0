import { gradientRule } from '../gradient-rule.ts';
import { sumOver } from '../emit.ts';
import { requireIntegers, shapeOf } from '../shapes.ts';
import { notDefined } from '../not-defined.ts';

/**
 * Tile: the input repeated along each axis
 *
 *   dinput = Σ doutput over the repetitions: in the shape [r₀, d₀, r₁, d₁, …], over the axes 0, 2, …
 *
 * @see ONNX Tile-13
 */
export const tileGradient = gradientRule({
  opType: 'Tile',
  inputs: ['input', 'repeats'],
  outputs: ['output'],
  backward: ({ tape, node, inputs: { input, repeats }, gradients: { output: dY } }) => ({
    input() {
      const counts = requireIntegers(repeats, node, 'the constant elements');
      const dims = shapeOf(input, node).map((dim) => (typeof dim === 'number' ? dim : -1));
      if (dims.filter((dim) => dim === -1).length > 1) throw notDefined(node, 'Tile of several unknown dimensions');
      const target = tape.int64s(dims.flatMap((dim, axis) => [counts[axis] ?? 1, dim]));
      const apart = tape.op('Reshape', [dY, target], { attributes: { allowzero: dims.includes(-1) ? 0 : 1 } });
      const summed = sumOver(
        tape,
        apart,
        dims.map((_, axis) => 2 * axis),
        false,
      );
      if (input.shape) summed.shape = input.shape;
      return summed;
    },
  }),
});
