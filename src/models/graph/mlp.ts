import type { Tape, Value } from '../../ir/index.ts';
import { activate, type Activation } from './activation.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { linear, linearWeights, type LinearLayer } from './linear.ts';
import { xielu, xieluWeights } from './xielu.ts';

/** The feed-forward part of a block. */
export type MlpLayer = {
  readonly path: string;
  /** xIELU has parameters of its own, at `<path>.act_fn`. */
  readonly activation: Activation | 'xielu';
  readonly down: LinearLayer;
  /** Factors of the gate before the activation, and of the result. Only with separate layers of gate and up. */
  readonly scales?: { readonly gate: number; readonly result: number };
} & (
  | { readonly kind: 'gated'; readonly gate: LinearLayer; readonly up: LinearLayer }
  /** Whether gate and up share one matrix, with the gate first. */
  | { readonly kind: 'packed'; readonly gateUp: LinearLayer }
  | { readonly kind: 'plain'; readonly up: LinearLayer }
);

/**
 * The feed-forward part of a block.
 *
 *   gated:  down(activation(gate(x)) ∘ up(x))
 *   plain:  down(activation(up(x)))
 *   scaled: result · down(activation(gate · gate(x)) ∘ up(x))
 *
 * @param x  f32 [tokens, hidden]
 * @see Shazeer 2020, "GLU Variants Improve Transformer", eq. 6
 */
export function mlp(builder: GraphBuilder, x: Value, layer: MlpLayer): Value {
  const tape = builder.tape(layer.path);
  return scaled(tape, linear(builder, inner(builder, tape, { x, layer }), layer.down), layer.scales?.result);
}

function scaled(tape: Tape, x: Value, factor = 1): Value {
  return factor === 1 ? x : tape.op('Mul', [x, tape.scalar(factor)]);
}

function inner(builder: GraphBuilder, tape: Tape, { x, layer }: { x: Value; layer: MlpLayer }): Value {
  const activated = (y: Value): Value =>
    layer.activation === 'xielu' ? xielu(builder, y, activationPath(layer)) : activate(tape, y, layer.activation);
  if (layer.kind === 'plain') return activated(linear(builder, x, layer.up));
  if (layer.kind === 'gated') {
    const gated = activated(scaled(tape, linear(builder, x, layer.gate), layer.scales?.gate));
    return tape.op('Mul', [gated, linear(builder, x, layer.up)]);
  }
  const [gate, up] = tape.ops('Split', [linear(builder, x, layer.gateUp)], {
    outputs: 2,
    attributes: { axis: -1, num_outputs: 2 },
  });
  if (gate === undefined || up === undefined) throw new TypeError('Split has two outputs');
  return tape.op('Mul', [activated(gate), up]);
}

/** Maps the names of the tensors of a feed-forward part in the checkpoint to their shapes. */
export function mlpWeights(layer: MlpLayer): [name: string, shape: number[]][] {
  const own = layer.activation === 'xielu' ? xieluWeights(activationPath(layer)) : [];
  return [...mlpLinears(layer).flatMap(linearWeights), ...own];
}

function activationPath({ path }: MlpLayer): string {
  return `${path}.act_fn`;
}

/** Lists the linear layers of a feed-forward part in the order of the computation. */
export function mlpLinears(layer: MlpLayer): LinearLayer[] {
  switch (layer.kind) {
    case 'gated':
      return [layer.gate, layer.up, layer.down];
    case 'packed':
      return [layer.gateUp, layer.down];
    case 'plain':
      return [layer.up, layer.down];
  }
}
