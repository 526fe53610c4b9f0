import { Graph, type AttributeInput, type Node, type Value } from './graph.ts';
import { toAttribute } from './attribute.ts';
import type { Dim } from './dim.ts';
import type { Tape } from './tape.ts';

/** Metadata key of a Scan that `chunkRecurrence` has added: its gradient is known. The value lists the optional inputs that it has. */
export const chunkRecurrenceKey = 'espalier.chunk-recurrence';

/** The inputs of a linear recurrence over chunks of tokens. `…` are the same axes everywhere (batch, heads). */
export interface ChunkRecurrence {
  /** The state before the first chunk: [..., rows, columns] */
  readonly start: Value;
  /** [chunks, ..., 1, 1] */
  readonly decay: Value;
  /** [chunks, ..., rows, columns] */
  readonly added?: Value | undefined;
  readonly correction?: ChunkCorrection | undefined;
  /** Goes from the last chunk to the first. Default: false. */
  readonly reversed?: boolean;
}

/** What each chunk writes into the state, less what the state holds there already. */
export interface ChunkCorrection {
  /** [chunks, ..., tokens, rows] */
  readonly read: Value;
  /** [chunks, ..., tokens, columns] */
  readonly values: Value;
  /** [chunks, ..., tokens, rows] */
  readonly write: Value;
}

export interface ChunkStates {
  /** The state behind the last chunk: [..., rows, columns] */
  readonly end: Value;
  /** The state before each chunk: [chunks, ..., rows, columns] */
  readonly before: Value;
  /** The corrected values V′ of each chunk: [chunks, ..., tokens, columns]; only with a correction. */
  readonly corrected: Value | undefined;
}

/**
 * A linear recurrence over chunks:
 *
 *   V′ₙ = Vₙ − Rₙ·Sₙ          (with a correction)
 *   Sₙ₊₁ = decayₙ ∘ Sₙ + addedₙ + Wₙᵀ·V′ₙ
 *
 * It is one Scan. Its gradient is such a recurrence again, in the other direction, with −W in the place of R and −R in that of W.
 *
 * @see ONNX Scan-16
 */
export function chunkRecurrence(tape: Tape, options: ChunkRecurrence): ChunkStates {
  const { start, decay, added, correction, reversed = false } = options;
  const parts = [decay, ...(added ? [added] : []), ...(correction ? Object.values(ordered(correction)) : [])];
  const kinds = [...(added ? ['added'] : []), ...(correction ? ['corrected'] : [])];
  const outputs = correction ? 2 : 1;
  const direction = (count: number): number[] => Array.from({ length: count }, () => (reversed ? 1 : 0));
  const attributes: Record<string, AttributeInput> = {
    body: bodyOf(tape, options),
    num_scan_inputs: parts.length,
    scan_input_directions: direction(parts.length),
    scan_output_directions: direction(outputs),
  };
  const metadata = { [chunkRecurrenceKey]: kinds.join(' ') };
  const [end, before, corrected] = tape.ops('Scan', [start, ...parts], { outputs: 1 + outputs, attributes, metadata });
  if (end === undefined || before === undefined) throw new TypeError('Scan has at least two outputs');
  typed(end, start, start.shape);
  typed(before, start, start.shape && decay.shape && [decay.shape[0], ...start.shape]);
  if (corrected && correction) typed(corrected, start, correction.values.shape);
  return { end, before, corrected };
}

/** The inputs of a Scan that `chunkRecurrence` has added; undefined for any other node. */
export function asChunkRecurrence(node: Node): ChunkRecurrence | undefined {
  const kinds = node.metadata.get(chunkRecurrenceKey)?.split(' ');
  const [start, decay, ...rest] = node.inputs;
  if (kinds === undefined || start === undefined || decay === undefined) return undefined;
  const added = kinds.includes('added') ? rest.shift() : undefined;
  const [read, values, write] = rest;
  const correction = read && values && write ? { read, values, write } : undefined;
  return { start, decay, added, correction, reversed: node.intsAttribute('scan_input_directions')?.[0] === 1 };
}

function ordered({ read, values, write }: ChunkCorrection): ChunkCorrection {
  return { read, values, write };
}

function typed(value: Value, like: Value, shape: readonly Dim[] | undefined): void {
  value.dtype = like.dtype;
  value.shape = shape;
}

/** One step of the recurrence. */
function bodyOf({ model }: Tape, { start, added, correction }: ChunkRecurrence): Graph {
  const body = new Graph(model.graph.uniqueName('chunk'), model.graph);
  const { dtype } = start;
  const input = (name: string): Value => body.addInput(body.uniqueName(`chunk.${name}`), dtype);
  const op = (opType: string, inputs: Value[], attributes: Record<string, AttributeInput> = {}): Value => {
    const name = body.uniqueName(`chunk.${opType}`);
    const given = Object.entries(attributes).map(([key, value]) => [key, toAttribute(value)] as const);
    const [output] = body.addNode({ opType, name, inputs, attributes: given, outputs: [{ name, dtype }] }).outputs;
    if (output === undefined) throw new TypeError(`${opType} has one output`);
    return output;
  };
  const [state, decay] = [input('state'), input('decay')];
  const addition = added && input('added');
  const chunk = correction && { read: input('read'), values: input('values'), write: input('write') };
  const corrected = chunk && op('Sub', [chunk.values, op('MatMul', [chunk.read, state])]);
  const kept = op('Mul', [decay, state]);
  const grown = addition ? op('Add', [kept, addition]) : kept;
  const perm = turned(start.shape?.length ?? 2);
  const next =
    chunk && corrected
      ? op('Add', [grown, op('MatMul', [op('Transpose', [chunk.write], { perm }), corrected])])
      : grown;
  for (const output of [next, op('Identity', [state]), ...(corrected ? [corrected] : [])]) body.addOutput(output);
  return body;
}

/** The axes with the last two exchanged. */
function turned(rank: number): number[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return [...axes.slice(0, -2), rank - 1, rank - 2];
}
