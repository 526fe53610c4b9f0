import { EspalierError } from '../../core/index.ts';
import type { Value } from '../../ir/index.ts';
import type { FixedBatch } from '../base-model.ts';
import type { AnnotationHints } from './annotate-modules.ts';
import { copyGeneric } from './generic-graph.ts';
import type { OnnxSource } from './graph-copy.ts';
import type { TextSource } from './text-copy.ts';

/**
 * Finds whether a model for features or images is bound to the number of rows that its inputs declare. torch.onnx writes the batch of
 * the example unless it is told that the axis is dynamic. Many graphs compute any number of rows nevertheless: then the result has
 * the batch of the inputs as its first axis.
 *
 * @param output  the output that is used
 * @returns undefined if the graph takes any number of rows
 */
export function genericFixedBatch(
  source: OnnxSource,
  { output, hints }: { readonly output: string; readonly hints: AnnotationHints },
): FixedBatch | undefined {
  const inputs = source.model.graph.inputs.filter(({ constant }) => constant === undefined);
  const [first] = inputs;
  const rows = first?.shape?.[0];
  if (first === undefined || typeof rows !== 'number') return undefined;
  if (inputs.some(({ shape }) => shape?.[0] !== rows)) return undefined;
  return takesAnyBatch(source, output, hints) ? undefined : { input: first.name, rows };
}

function takesAnyBatch(source: OnnxSource, output: string, hints: AnnotationHints): boolean {
  try {
    const { model } = copyGeneric(source, { graphName: 'inspect', hints, outputs: [output], anyBatch: true });
    return model.graph.outputs[0]?.shape?.[0] === 'batch';
  } catch (error) {
    // WHY no error: with another number of rows, the shapes of a graph with a fixed batch contradict each other.
    if (EspalierError.isInstance(error)) return false;
    throw error;
  }
}

/**
 * Finds whether a text model is bound to the number of rows and tokens of the example it was exported with.
 *
 * @param result  what is used of the copy: logits, or states
 * @throws EspalierError ONNX_MODEL_UNSUPPORTED if rows have a fixed number of tokens
 */
export function textFixedBatch(
  { roles: { inputIds }, path }: TextSource,
  result: Value | undefined,
): FixedBatch | undefined {
  const [rows, tokens] = result?.shape ?? [];
  const isBatchFixed = typeof rows === 'number';
  // Classes have no axis of tokens. But who fixes the batch fixes the tokens with it, unless the input declares them as dynamic.
  const isPooled = result?.shape?.length === 2;
  const declared = inputIds.shape?.[1];
  const length = isPooled && isBatchFixed ? declared : isPooled ? undefined : tokens;
  if (typeof length === 'number') {
    const exactly = isBatchFixed ? `exactly ${rows} rows of ${length} tokens` : `rows of exactly ${length} tokens`;
    const problems = `its input ${inputIds.name} takes ${exactly}; export it again with dynamic axes for the batch and the tokens`;
    throw new EspalierError('ONNX_MODEL_UNSUPPORTED', { path, problems });
  }
  return isBatchFixed ? { input: inputIds.name, rows } : undefined;
}
