import { gradientKey } from '../../autodiff/index.ts';
import { stopGradientKey, Tape, type Model, type Value } from '../../ir/index.ts';
import type { GradientBucket } from './gradient-buckets.ts';

/**
 * Gives the graph an output for each bucket of gradients, its mark, that is computed when all of them are: the largest of their sizes, a
 * number of 64 bits above 0. Outputs are written where they are bound while the run goes on, so that who sees the mark may read, and
 * change, the gradients.
 *
 * WHY in this order: of outputs that nothing reads, ONNX Runtime computes first what the last of them needs. Without marks it computes
 * nearly all gradients of parameters at the end of the run.
 *
 * @param parameters  in the order of the buckets' numbers
 * @param gradients  that are outputs of the graph, and that nothing reads but for its shape, see `ownGradient`
 * @returns the name of each bucket's mark; undefined for one in which nothing is trained
 */
export function markGradients(
  model: Model,
  { parameters, gradients, buckets }: MarkedGradients,
): readonly (string | undefined)[] {
  const marks = buckets.map((): string | undefined => undefined);
  for (const [index, { first, end }] of [...buckets.entries()].reverse()) {
    const trained = parameters.slice(first, end).flatMap((parameter) => gradients.get(parameter) ?? []);
    if (trained.length === 0) continue;
    const tape = new Tape(model, { scope: `written.${index}`, metadata: { [gradientKey]: 'written' } });
    const sizes = trained.map((gradient) => tape.op('Size', [gradient]));
    const mark = tape.op('Max', sizes, { dtype: 'int64', shape: [] });
    model.graph.addOutput(mark);
    marks[index] = mark.name;
  }
  return marks;
}

export interface MarkedGradients {
  readonly parameters: readonly Value[];
  readonly gradients: ReadonlyMap<Value, Value>;
  readonly buckets: readonly GradientBucket[];
}

/**
 * The gradient itself, or a copy where nodes read it, which could be computed after its mark: it may be changed by then.
 */
export function ownGradient(model: Model, gradient: Value): Value {
  const isRead = [...gradient.uses].some(({ node }) => !node.metadata.has(stopGradientKey));
  if (!isRead) return gradient;
  const tape = new Tape(model, { scope: gradient.name, metadata: { [gradientKey]: gradient.name } });
  return tape.op('Identity', [gradient]);
}
