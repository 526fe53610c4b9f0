import { z } from 'zod';

import type { Model, Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import type { BaseModel, EncoderGraphOptions } from '../base-model.ts';
import { readLabels, readProblem } from '../encoder/read-labels.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { parseWith } from '../parse-with.ts';
import { denseAttention } from './attention-dense.ts';
import type { DecoderConfig } from './decoder-config.ts';
import type { DecoderFamily } from './families/decoder-family.ts';
import type { DecoderSource } from './graphs.ts';
import { logits } from './head.ts';
import { paddedRows } from '../graph/row-layout.ts';
import { decoderStack } from './stack.ts';

const padding = z.looseObject({ pad_token_id: z.number().int().nonnegative().nullish() });

/** A decoder with a head for classes. This file holds the differences from a decoder that continues text. */
export interface DecoderClassifier {
  readonly config: DecoderConfig;
  readonly about: Pick<BaseModel, 'task' | 'labels' | 'problem' | 'padTokenId'>;
}

const header = z.looseObject({ architectures: z.array(z.string()).nullish() });

/** Whether a config.json names the class of the family that has a head for classes. */
export function isClassifier({ architecture }: DecoderFamily, json: unknown): boolean {
  const name = `${architecture.replace(/(ForCausalLM|ForConditionalGeneration|LMHeadModel)$/, '')}ForSequenceClassification`;
  return header.safeParse(json).data?.architectures?.includes(name) ?? false;
}

/**
 * Turns a decoder into a classifier. The head is `score`. It has no bias, and its logits are not scaled.
 * @param json  the parsed config.json, not trusted
 */
export function asClassifier(config: DecoderConfig, json: unknown, path: string): DecoderClassifier {
  const { pad_token_id: padTokenId } = parseWith(padding, json, path);
  const labels = readLabels(json, path);
  const problem = readProblem(json, path);
  const head = {
    path: 'score',
    in: config.narrowEmbedding?.width ?? config.hiddenSize,
    out: labels.length,
    bias: false,
  };
  const { logitSoftcap: _, ...rest } = config;
  return {
    config: { ...rest, head, logitScale: 1 },
    about: {
      task: 'classification',
      labels,
      ...(problem && { problem }),
      ...(typeof padTokenId === 'number' && { padTokenId }),
    },
  };
}

/**
 * Builds the classification graph of a decoder. The head reads the state of the last token of each row. Rows are padded on the right.
 *
 * WHY the last token is found by the id of the padding token: transformers does the same, even when a text ends with this token.
 */
export function buildDecoderClassification(
  { config, weights }: DecoderSource,
  { padTokenId }: Pick<BaseModel, 'padTokenId'>,
  options: EncoderGraphOptions,
): Model {
  const { full = false, given = new Set(), exact = false, maxLength = config.maxPositions } = options;
  const builder = new GraphBuilder({ graphName: 'classify', weights, source: full ? 'inputs' : 'files', given, exact });
  const input = (name: string): Value => builder.graph.addInput(name, 'int64', ['batch', 'seq']);
  const [inputIds, attentionMask] = [input('input_ids'), input('attention_mask')];
  const attention = denseAttention(builder, { config, rows: paddedRows(builder, inputIds), maxLength });
  const rows = lastTokens(builder, { inputIds, attentionMask, padTokenId });
  const output = logits(builder, decoderStack({ builder, config, attention }, { inputIds, rows }), config);
  builder.graph.rename(output, 'logits');
  builder.graph.addOutput(output);
  return builder.model;
}

interface Rows {
  readonly inputIds: Value;
  readonly attentionMask: Value;
  readonly padTokenId: number | undefined;
}

/** The flat index of the last token of each row: i64 [batch]. */
function lastTokens(builder: GraphBuilder, { inputIds, attentionMask, padTokenId }: Rows): Value {
  const tape = builder.tape('last_token');
  const int64 = (value: Value): Value => tape.op('Cast', [value], { attributes: { to: dataTypeNumber('int64') } });
  const isReal = (id: number): Value => int64(tape.op('Not', [tape.op('Equal', [inputIds, tape.int64(id)])]));
  const counts = padTokenId === undefined ? attentionMask : tape.op('Mul', [attentionMask, isReal(padTokenId)]);
  const attributes = { axis: 1, keepdims: 0, select_last_index: 1 };
  const positions = tape.op('ArgMax', [counts], { attributes });
  const dim = (start: number): Value =>
    tape.op('Squeeze', [tape.op('Shape', [inputIds], { attributes: { start, end: start + 1 } })]);
  const numbers = tape.op('Range', [tape.int64(0), dim(0), tape.int64(1)]);
  return tape.op('Add', [tape.op('Mul', [numbers, dim(1)]), positions]);
}
