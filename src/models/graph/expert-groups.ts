import type { Tape, Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';

/** The experts of a mixture lie in groups of the same size, and a token uses those of a few groups. */
export interface ExpertGroups {
  readonly count: number;
  /** The number of groups that a token can use. */
  readonly kept: number;
  /** How many of the best scores of a group are added to the score of the group. */
  readonly best: 1 | 2;
}

/** The score of an expert that cannot be chosen: the lowest f32. */
const never = -3.4028234663852886e38;

/**
 * Lowers the scores of all experts outside of the best groups, so that none of them is chosen. It has no gradient.
 *
 * @param scores  f32 [tokens, experts]
 * @returns f32 [tokens, experts]
 * @see DeepSeek-AI 2024, "DeepSeek-V2", section 2.2.2; "DeepSeek-V3", section 2.1.2
 */
export function limitToGroups(
  tape: Tape,
  scores: Value,
  { count, kept, best, experts }: ExpertGroups & { readonly experts: number },
): Value {
  const size = experts / count;
  const apart = tape.op('Reshape', [scores, tape.int64s([-1, count, size])]);
  const highest = top(tape, apart, best).values;
  const ofGroups = tape.op('ReduceSum', [highest, tape.int64s([-1])], { attributes: { keepdims: 0 } }); // [tokens, count]
  const chosen = tape.op('Unsqueeze', [top(tape, ofGroups, kept).places, tape.int64s([2])]); // [tokens, kept, 1]
  const every = Array.from({ length: count }, (_, group) => group);
  const hits = tape.op('Equal', [chosen, tape.constant(tensorOf('int64', [count], every))]); // [tokens, kept, count]
  const counts = tape.op('Cast', [hits], { attributes: { to: dataTypeNumber('int64') } });
  const sums = tape.op('ReduceSum', [counts, tape.int64s([1])], { attributes: { keepdims: 0 } }); // [tokens, count]
  const isKept = tape.op('Unsqueeze', [tape.op('Greater', [sums, tape.int64(0)]), tape.int64s([2])]);
  const limited = tape.op('Where', [isKept, apart, tape.scalar(never)]);
  return tape.op('Reshape', [limited, tape.int64s([-1, experts])], { shape: scores.shape ?? [] });
}

/** The largest numbers of the last axis. */
export function top(tape: Tape, x: Value, count: number): { readonly values: Value; readonly places: Value } {
  const [values, places] = tape.ops('TopK', [x, tape.int64s([count])], { outputs: 2, attributes: { axis: -1 } });
  if (values === undefined || places === undefined) throw new TypeError('TopK has two outputs');
  return { values, places };
}
