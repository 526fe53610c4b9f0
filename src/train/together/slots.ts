import type { LoraModule } from '../../lora/index.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';
import type { LaneInputs } from './joint-graph.ts';

/**
 * Whether trainings have adapters of one form, so that any of them can take any place in a graph: the same modules, ranks and scalings,
 * and the same masks if values are dropped.
 *
 * WHY it matters: a graph then needs as many places as its widest pass has trainings, and not one for each. With one place it is the
 * graph that a training has alone, which copies no rows.
 */
export function haveOneForm(trainings: readonly Pick<LaneInputs, 'trainable' | 'seed'>[]): boolean {
  const [first, ...others] = trainings.map(formOf);
  return first !== undefined && others.every((form) => form === first);
}

/** undefined for adapters that the graph itself contains: each begins in its own way. */
function formOf({
  trainable: { lora = [], dropout },
  seed,
}: Pick<LaneInputs, 'trainable' | 'seed'>): string | undefined {
  if (lora.some(({ initial }) => initial !== undefined)) return undefined;
  // WHY the seed: that of the masks is a constant of the graph.
  const masks = dropout > 0 || lora.some((module) => drops(module)) ? seed : undefined;
  return JSON.stringify([lora.map(moduleForm), masks]);
}

function moduleForm(module: LoraModule): readonly unknown[] {
  const { path, rank, scaling, dora, hasBias = false } = module;
  return [path, rank, scaling, drops(module), dora !== undefined, hasBias];
}

function drops({ dropout = 0 }: LoraModule): boolean {
  return dropout > 0;
}

/** The place of each training of a pass: any, or its own. @param own  the trainings by the places that are theirs; undefined: any */
export function placesOf(pass: readonly number[], own: readonly number[] | undefined): ReadonlyMap<number, number> {
  return new Map(pass.map((lane, place) => [lane, own === undefined ? place : own.indexOf(lane)]));
}

/** The number of places that passes need. */
export function widestOf(passes: readonly (readonly number[])[]): number {
  return Math.max(1, ...passes.map(({ length }) => length));
}

/** @param all  the trainings of the company. WHY their longest rows: any of them may take the place. */
export function laneInputsOf(inputs: readonly TrainingInputs[], all: readonly TrainingInputs[]): LaneInputs[] {
  const maxLength = Math.max(...all.map((each) => each.maxLength));
  return inputs.map(({ trainable, config: { seed } }) => ({ trainable, maxLength, seed }));
}
