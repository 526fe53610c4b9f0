import type { Value } from '../../../ir/index.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { linearWeights, type LinearLayer } from '../linear.ts';
import { normWeights } from '../norm.ts';
import { convStates, convWeights } from './causal-conv.ts';
import { deltaLinears, gatedDelta, type GatedDeltaLayer } from './gated-delta.ts';
import { mamba2, type Mamba2Layer } from './mamba2.ts';
import { shortConv, type ShortConvLayer } from './short-conv.ts';
import type { StateRows } from './state-rows.ts';

/** A layer that mixes the tokens of a row by a state that goes from token to token. */
export type RecurrentLayer = ShortConvLayer | GatedDeltaLayer | Mamba2Layer;

/** Computes a recurrent layer before its output layer: f32 [tokens, hidden] → f32 [tokens, in of the output layer]. */
export function recur(
  builder: GraphBuilder,
  x: Value,
  { layer, rows }: { readonly layer: RecurrentLayer; readonly rows: StateRows },
): Value {
  switch (layer.kind) {
    case 'short-conv':
      return shortConv(builder, x, { layer, rows });
    case 'gated-delta':
      return gatedDelta(builder, x, { layer, rows });
    case 'mamba2':
      return mamba2(builder, x, { layer, rows });
  }
}

/** The linear layers, in the order of the computation. */
export function recurrentLinears(layer: RecurrentLayer): LinearLayer[] {
  return layer.kind === 'gated-delta' ? deltaLinears(layer) : [layer.input, layer.output];
}

/** Maps the names of the tensors of a layer in the checkpoint to their shapes. */
export function recurrentWeights(layer: RecurrentLayer): [name: string, shape: number[]][] {
  return [...recurrentLinears(layer).flatMap(linearWeights), ...convWeights(layer.conv), ...ownWeights(layer)];
}

/** The tensors that belong to no other layer. */
function ownWeights(layer: RecurrentLayer): [name: string, shape: number[]][] {
  const { path } = layer;
  switch (layer.kind) {
    case 'short-conv':
      return [];
    case 'gated-delta': {
      const heads = [layer.keyHeads * layer.share];
      return [[`${path}.A_log`, heads], [`${path}.dt_bias`, heads], ...normWeights(layer.norm)];
    }
    case 'mamba2': {
      const heads = layer.groups * layer.share;
      const ofHeads = ['A_log', 'D', 'dt_bias'].map((name): [string, number[]] => [`${path}.${name}`, [heads]]);
      return [...ofHeads, ...(layer.norm === 'none' ? [] : [normOf(path, heads * layer.headDim)])];
    }
  }
}

function normOf(path: string, width: number): [name: string, shape: number[]] {
  return [`${path}.norm.weight`, [width]];
}

/** The states of one row, in the order in which the graph asks for them. */
export function stateShapes(layer: RecurrentLayer): number[][] {
  const conv = convStates(layer.conv);
  switch (layer.kind) {
    case 'short-conv':
      return conv;
    case 'gated-delta':
      return [...conv, [layer.keyHeads, layer.share, layer.keyDim, layer.valueDim]];
    case 'mamba2':
      return [...conv, [layer.groups, layer.share, layer.stateDim, layer.headDim]];
  }
}
