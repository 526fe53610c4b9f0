import { Tape, type Model } from '../../ir/index.ts';
import type { BaseGraphs, BaseInput, EncoderGraphOptions } from '../base-model.ts';
import { pool, type Pooling } from '../encoder/pooling.ts';
import type { AnnotationHints } from './annotate-modules.ts';
import { copyGeneric } from './generic-graph.ts';
import { isHalf } from './constants.ts';
import type { OnnxSource } from './graph-copy.ts';
import { asFloat32 } from './logits-head.ts';
import { copyText, type TextSource } from './text-copy.ts';
import { finish, refuseFull } from './text-graphs.ts';

/** The inputs of a model that is not a language model, with the names of the file. */
export function genericInputs({ model: { graph } }: OnnxSource): BaseInput[] {
  return graph.inputs
    .filter(({ constant }) => constant === undefined)
    .map(({ name, dtype = 'float32', shape = [] }) => ({ name, dtype: isHalf(dtype) ? 'float32' : dtype, shape }));
}

/** Builds the graph of a model for features, images or other numbers. Its output is that of the file, renamed to `logits`. */
export function genericGraphs(
  source: OnnxSource,
  { output, hints, anyBatch }: { readonly output: string; readonly hints: AnnotationHints; readonly anyBatch: boolean },
): BaseGraphs {
  return {
    classification: ({ full = false }): Model => {
      refuseFull(source, full);
      const { model } = copyGeneric(source, { graphName: 'classify', hints, outputs: [output], widen: true, anyBatch });
      const [result] = model.graph.outputs;
      if (result === undefined) throw new TypeError(`${output} is an output of the file`);
      model.graph.removeOutput(result);
      return finish(model, asFloat32(new Tape(model, { scope: 'espalier' }), result), 'logits');
    },
  };
}

/** The file of an encoder, and how its states become one vector. */
export interface EncoderSource extends TextSource {
  readonly pooling: Pooling;
}

/** Builds the graphs of a text encoder. They take `input_ids` and `attention_mask` and return a number for each class, or a vector. */
export function encoderGraphs(source: EncoderSource): BaseGraphs {
  const { logits, hidden } = source.roles;
  return {
    ...(logits && { classification: (options) => buildEncoder(source, 'logits', options) }),
    ...(hidden && { embedding: (options) => buildEncoder(source, 'embeddings', options) }),
  };
}

function buildEncoder(
  source: EncoderSource,
  name: 'logits' | 'embeddings',
  { full = false, tokenTypes = false }: EncoderGraphOptions,
): Model {
  refuseFull(source, full);
  const given = { attentionMask: true, tokenTypes };
  const { model, logits, hidden, attentionMask } = copyText(source, { graphName: name, given });
  const tape = new Tape(model, { scope: 'espalier' });
  if (name === 'logits' && logits) return finish(model, asFloat32(tape, logits), name);
  if (hidden === undefined || attentionMask === undefined) throw new TypeError(`the file has an output for ${name}`);
  return finish(model, pool(tape, { hidden: asFloat32(tape, hidden), attentionMask }, source.pooling), name);
}
