import { createRandom } from '../../core/index.ts';
import { Tape, type Model, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';
import { addLoraInput, loraConstant, type LoraOwner } from './graft.ts';
import { adapterKey, loraKey, sharedOwner } from './lora-keys.ts';

/** The graph input f32 [] with the probability of every dropout; 0 turns dropout off. */
export const ratioInput = 'lora_dropout_ratio';
/**
 * The graph input i32 [2, count] with the keys of the rows: odd numbers that are drawn anew for each forward pass. A tensor with `count`
 * rows uses the first list of keys. Any other uses the second one, such as the rows that predict a target, where a graph computes no others
 * behind the last attention; its row i uses key i modulo the number of keys.
 */
export const keysInput = 'lora_dropout_keys';

/** The values that all dropouts of an injection share. */
export interface DropoutParts {
  readonly inputs: readonly Value[];
  /** i32 [2 · count], one list of keys behind the other. */
  readonly keys: Value;
  /** i64 [], the number of keys of a list. */
  readonly keyCount: Value;
  /** i32 [], the largest hash that keeps its element. */
  readonly threshold: Value;
  /** f32 [], 1 / (1 − ratio). */
  readonly factor: Value;
}

export interface SharedDropoutOptions {
  readonly adapter: string | undefined;
  readonly named: (input: string) => string;
}

/** Adds the inputs, and the values that are computed from them once at the beginning of the graph. */
export function addSharedDropout(model: Model, { adapter, named }: SharedDropoutOptions): DropoutParts {
  const owner = { owner: sharedOwner, adapter };
  const ratio = addLoraInput(model, named(ratioInput), { ...owner, shape: [] });
  const keys = addLoraInput(model, named(keysInput), { ...owner, dtype: 'int32', shape: [2, 'dropout_keys'] });
  const [first] = model.graph.nodes;
  const tape = new Tape(model, {
    scope: adapter === undefined ? 'lora' : `lora.${adapter}`,
    metadata: { [loraKey]: sharedOwner, ...(adapter !== undefined && { [adapterKey]: adapter }) },
    ...(first && { insertBefore: first }),
  });
  const number = (name: string, value: number): Value =>
    loraConstant(tape, tensorOf('float64', [], [value]), { name, ...owner });
  const cast = (value: Value, to: 'float32' | 'float64' | 'int32'): Value =>
    tape.op('Cast', [value], { attributes: { to: dataTypeNumber(to) } });
  // WHY f64: in f32 a ratio has only 24 bits, and a hash has 32.
  const exact = cast(ratio, 'float64');
  const kept = tape.op('Sub', [number('one', 1), exact]);
  // −2³¹ keeps nothing, 2³¹ − 1 keeps everything: (1 − ratio)·2³² − 2³¹ − 1.
  const scaled = tape.op('Mul', [kept, number('hashes', 2 ** 32)]);
  const threshold = cast(tape.op('Sub', [scaled, number('offset', 2 ** 31 + 1)]), 'int32');
  const factor = cast(tape.op('Div', [number('whole', 1), kept]), 'float32');
  const integers = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): Value =>
    loraConstant(tape, tensorOf('int64', shape, values), { name, ...owner });
  const count = tape.op('Shape', [keys], { attributes: { start: 1 } });
  const keyCount = tape.op('Reshape', [count, integers('scalar', [])]);
  const lists = tape.op('Reshape', [keys, integers('list', [-1])]);
  return { inputs: [ratio, keys], keys: lists, keyCount, threshold, factor };
}

export interface DropoutPlace {
  /** The axis of x that contains the module's channels. */
  readonly axis: number;
  readonly axes: number;
  readonly channels: number;
  readonly seed: number;
  readonly owner: LoraOwner;
}

/**
 * Dropout whose mask depends only on the graph's inputs, and not on earlier random numbers:
 *
 *   hash(row, channel) = keys[list][row mod count] · channelKey[channel]  mod 2³²        kept if hash ≤ threshold
 *   y = x / (1 − ratio) if it is kept, otherwise 0
 *
 * Both keys are odd, so the hash of each element is uniform over the odd numbers of 32 bits. The keys of the channels are constants that
 * the seed and the path of the module determine. No two modules and no two passes share a mask.
 *
 * WHY not the operator Dropout: its generator advances with each run of a session. After a resume, or when an activation is computed
 * twice, the mask would differ. WHY a product: it is one operator over the elements. A hash of shifts and exclusive ors needs several
 * operators and casts (docs/decisions/0017).
 */
export function dropout(tape: Tape, x: Value, shared: DropoutParts, place: DropoutPlace): Value {
  const { axis, axes, channels, owner } = place;
  const constant = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): Value =>
    loraConstant(tape, tensorOf('int64', shape, values), { name, ...owner });
  const isChannel = Array.from({ length: axes }, (_, i) => (i === axis ? 1 : 0));
  // The shape of x with one channel: a row is all elements with the same position on the other axes.
  const others = tape.op('Mul', [
    tape.op('Shape', [x]),
    constant(
      'other_axes',
      isChannel.map((one) => 1 - one),
    ),
  ]);
  const rowShape = tape.op('Add', [others, constant('channel_axis', isChannel)]);
  const rows = tape.op('ReduceProd', [rowShape], { attributes: { keepdims: 0 } });
  const numbers = tape.op('Range', [constant('first', [0], []), rows, constant('step', [1], [])]);
  const isFirst = tape.op('Equal', [rows, shared.keyCount]);
  const list = tape.op('Where', [isFirst, constant('first_list', [0], []), shared.keyCount]);
  const index = tape.op('Add', [tape.op('Mod', [numbers, shared.keyCount]), list]);
  const drawn = tape.op('Gather', [shared.keys, index]);
  const rowKeys = tape.op('Reshape', [drawn, rowShape]);
  const channelShape = isChannel.map((one) => (one === 1 ? channels : 1));
  const channelKeys = loraConstant(tape, tensorOf('int32', channelShape, keysOf(channels, place)), {
    name: 'channel_keys',
    ...owner,
  });
  const shape = x.shape === undefined ? {} : { shape: x.shape };
  const hash = tape.op('Mul', [rowKeys, channelKeys], { name: 'hash', ...shape });
  const mask = tape.op('LessOrEqual', [hash, shared.threshold], { name: 'mask', ...shape });
  const zero = loraConstant(tape, tensorOf('float32', [], [0]), { name: 'zero', ...owner });
  return tape.op('Where', [mask, tape.op('Mul', [x, shared.factor]), zero], { name: 'dropout' });
}

function keysOf(channels: number, { seed, owner }: DropoutPlace): number[] {
  return dropoutKeys(channels, { seed, stream: `dropout/${owner.owner}` });
}

/** Odd numbers of 32 bits, as i32. */
export function dropoutKeys(count: number, { seed, stream }: { seed: number; stream: string }): number[] {
  const random = createRandom(seed, stream);
  return Array.from({ length: count }, () => random.integer(2 ** 32) | 1);
}
