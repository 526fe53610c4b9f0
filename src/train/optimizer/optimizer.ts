import { inSlices } from '../loop/slices.ts';

/** Flat parameters, gradients or state. f64 is the reference path; training runs in f32. */
export type Floats = Float32Array | Float64Array;

/** The values that are the same for all elements of one update. */
export interface StepSettings {
  /** The learning rate of this step, after the schedule. */
  readonly learningRate: number;
  /** The factor by which each gradient is multiplied first: 1 / target tokens, times the clipping coefficient. */
  readonly gradientScale: number;
}

/** A range of flat elements with the same settings. */
export interface ParameterGroup {
  readonly start: number;
  readonly end: number;
  readonly weightDecay: number;
  /** Factor of the learning rate. Default: 1. */
  readonly rate?: number;
}

/**
 * An update rule over one flat array of parameters. It owns its state (also flat, so that a checkpoint is a copy of it). The caller
 * gives the range to update, and so decides how much is done between two turns of the event loop.
 */
export interface Optimizer {
  readonly name: string;
  /** Optimizer steps begun so far. */
  readonly steps: number;
  /** State arrays by name, each as long as the parameters: views of what the optimizer reads and writes. */
  readonly state: Readonly<Record<string, Floats>>;
  /** Sets the number of steps that have been begun. The caller must fill the state arrays. */
  resume(steps: number): void;
  /** Begins the next step. */
  begin(settings: StepSettings): void;
  /** Updates parameters[start, end) from gradients[start, end). */
  update(parameters: Floats, gradients: Floats, range: ParameterGroup): void;
}

/**
 * One whole optimizer step, in slices.
 *
 * @param parameters  changed in place
 * @param gradients  same length; not changed
 */
export async function optimizerStep(
  optimizer: Optimizer,
  target: { readonly parameters: Floats; readonly gradients: Floats; readonly groups: readonly ParameterGroup[] },
  settings: StepSettings,
): Promise<void> {
  optimizer.begin(settings);
  for (const { start, end, ...own } of target.groups) {
    await inSlices(end - start, (from, to) => {
      optimizer.update(target.parameters, target.gradients, { ...own, start: start + from, end: start + to });
    });
  }
}

/**
 * Allocates a state array for these parameters: zeros, or what an earlier run left of this moment. A training allocates native memory in
 * the layout of the parameters.
 */
export type AllocateState = (like: Floats, moment: string) => Floats;

/** Allocates arrays on the JavaScript heap, with the parameters' length and precision. */
export const zerosLike: AllocateState = (like) =>
  like instanceof Float64Array ? new Float64Array(like.length) : new Float32Array(like.length);
