import { EspalierError } from '../../core/index.ts';
import type { Model, Tape, Value } from '../../ir/index.ts';
import type { BaseGraphs, EncoderGraphOptions } from '../base-model.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { norm } from '../graph/norm.ts';
import type { WeightRef } from '../weight-ref.ts';
import { activateHead } from './activate-head.ts';
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
    state = activateHead(builder.tape(layer.path), state, activation);
    if (last) state = norm(builder, state, last);
  }
  return finish(
    builder,
    base.network.headReads === 'tokens' ? ofTokens(builder, state, attentionMask) : state,
    'logits',
  );
}

/** f32 [batch·seq, labels] → [batch, seq, labels] */
function ofTokens(builder: GraphBuilder, state: Value, attentionMask: Value): Value {
  const labels = Number(state.shape?.[1]);
  const tape = builder.tape('classifier');
  const shape = tape.op('Concat', [tape.op('Shape', [attentionMask]), tape.int64s([labels])], {
    attributes: { axis: 0 },
  });
  return tape.op('Reshape', [state, shape], { shape: ['batch', 'seq', labels] });
}

/** @returns f32 [batch, hidden], or [batch·seq, hidden] for a head that reads each token */
function readByHead(
  tape: Tape,
  states: { readonly hidden: Value; readonly attentionMask: Value },
  reads: EncoderNetwork['headReads'] = 'first',
): Value {
  if (reads === 'tokens') {
    const width = Number(states.hidden.shape?.[2]);
    return tape.op('Reshape', [states.hidden, tape.int64s([-1, width])], { shape: ['places', width] });
  }
  if (reads === 'mean') return pool(tape, states, { modes: ['mean'], steps: [] });
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
