import type { Value } from '../../../ir/index.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { linearWeights, type LinearLayer } from '../linear.ts';
import { convStates, convWeights } from './causal-conv.ts';
import { shortConv, type ShortConvLayer } from './short-conv.ts';
import type { StateRows } from './state-rows.ts';

/** A layer that mixes the tokens of a row by a state that goes from token to token. */
export type RecurrentLayer = ShortConvLayer;

/** Computes a recurrent layer before its output layer: f32 [tokens, hidden] → f32 [tokens, in of the output layer]. */
export function recur(
  builder: GraphBuilder,
  x: Value,
  { layer, rows }: { readonly layer: RecurrentLayer; readonly rows: StateRows },
): Value {
  return shortConv(builder, x, { layer, rows });
}

/** The linear layers, in the order of the computation. */
export function recurrentLinears({ input, output }: RecurrentLayer): LinearLayer[] {
  return [input, output];
}

/** Maps the names of the tensors of a layer in the checkpoint to their shapes. */
export function recurrentWeights(layer: RecurrentLayer): [name: string, shape: number[]][] {
  return [...recurrentLinears(layer).flatMap(linearWeights), ...convWeights(layer.conv)];
}

/** The states of one row, in the order in which the graph asks for them. */
export function stateShapes({ conv }: RecurrentLayer): number[][] {
  return convStates(conv);
}
