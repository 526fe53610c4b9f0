import { EspalierError } from '../../core/index.ts';
import type { Model, Tape, Value } from '../../ir/index.ts';
import type { BaseGraphs, EncoderGraphOptions } from '../base-model.ts';
import { activate } from '../graph/activation.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { norm } from '../graph/norm.ts';
import type { WeightRef } from '../weight-ref.ts';
import type { EncoderConfig, EncoderNetwork } from './encoder-config.ts';
import { encoderStack } from './encoder-stack.ts';
import { pool, type Pooling } from './pooling.ts';

export interface EncoderSource {
  readonly config: EncoderConfig;
  readonly network: EncoderNetwork;
  readonly weights: ReadonlyMap<string, WeightRef>;
  readonly pooling: Pooling;
  /** The weights of a new head. They are in no file, so the caller must give them. */
  readonly headWeights: ReadonlyMap<string, WeightRef>;
}

/** The graphs of an encoder that `BaseGraphs` declares: embeddings, and classification when the encoder has a head. */
export function encoderGraphs(base: EncoderSource): BaseGraphs {
  return {
    embedding: (options) => buildEmbeddingGraph(base, options),
    ...(base.network.head.length > 0 && {
      classification: (options: EncoderGraphOptions) => buildClassificationGraph(base, options),
    }),
  };
}

function buildClassificationGraph(base: EncoderSource, options: EncoderGraphOptions): Model {
  const missing = [...base.headWeights.keys()].filter((name) => options.given?.has(name) !== true);
  if (missing.length > 0) throw new EspalierError('MODEL_HEAD_MISSING', { names: missing });
  const { builder, hidden, attentionMask } = encode(base, options, 'classify');
  let state = readByHead(builder.tape('classifier'), { hidden, attentionMask }, base.network.headReads);
  for (const { linear: layer, activation, norm: last } of base.network.head) {
    state = linear(builder, state, layer);
    const tape = builder.tape(layer.path);
    if (activation === 'tanh') state = tape.op('Tanh', [state]);
    else if (activation !== 'none') state = activate(tape, state, activation);
    if (last) state = norm(builder, state, last);
  }
  return finish(builder, state, 'logits');
}

/** @returns f32 [batch, hidden] */
function readByHead(
  tape: Tape,
  states: { readonly hidden: Value; readonly attentionMask: Value },
  reads: EncoderNetwork['headReads'] = 'first',
): Value {
  if (reads === 'mean') return pool(tape, states, { mode: 'mean', normalize: false });
  return tape.op('Gather', [states.hidden, tape.int64(0)], { attributes: { axis: 1 } });
}

function buildEmbeddingGraph(base: EncoderSource, options: EncoderGraphOptions): Model {
  const { builder, hidden, attentionMask } = encode(base, options, 'embed');
  return finish(builder, pool(builder.tape('pooling'), { hidden, attentionMask }, base.pooling), 'embeddings');
}

interface Encoded {
  readonly builder: GraphBuilder;
  /** f32 [batch, seq, hidden] */
  readonly hidden: Value;
  readonly attentionMask: Value;
}

function encode(
  { config, network, weights: stored, headWeights }: EncoderSource,
  options: EncoderGraphOptions,
  graphName: string,
): Encoded {
  const { full = false, given = new Set(), tokenTypes = false, exact = false } = options;
  const weights = new Map([...stored, ...headWeights]);
  const builder = new GraphBuilder({ graphName, weights, source: full ? 'inputs' : 'files', given, exact });
  const rows = (name: string): Value => builder.graph.addInput(name, 'int64', ['batch', 'seq']);
  const [inputIds, attentionMask] = [rows('input_ids'), rows('attention_mask')];
  const tokenTypeIds = tokenTypes && config.tokenTypes > 1 ? rows('token_type_ids') : undefined;
  const hidden = encoderStack(builder, { config, network, inputIds, attentionMask, tokenTypeIds });
  return { builder, hidden, attentionMask };
}

/** Gives the output of the graph its name. */
function finish({ graph, model }: GraphBuilder, output: Value, name: string): Model {
  graph.rename(output, name);
  graph.addOutput(output);
  return model;
}
