import { inSlices } from '../loop/slices.ts';

/** Flat parameters, gradients or state. f64 is the reference path; training runs in f32. */
export type Floats = Float32Array | Float64Array;

/** Everything that is the same for all elements in one update. */
export interface StepSettings {
  /** Of this step, after the schedule. */
  readonly learningRate: number;
  /** Each gradient is multiplied by it first: 1 / target tokens, times the clipping coefficient. */
  readonly gradientScale: number;
}

/** A run of flat elements that share their settings. */
export interface ParameterGroup {
  readonly start: number;
  readonly end: number;
  readonly weightDecay: number;
}

/**
 * An update rule over one flat array of parameters. It owns its state (flat too, so that a checkpoint is a copy of
 * it) and walks no more than it is asked to: the caller decides how much is done between two turns of the event loop.
 */
export interface Optimizer {
  readonly name: string;
  /** Optimizer steps begun so far. */
  readonly steps: number;
  /** State arrays by name, each as long as the parameters: views of what the optimizer reads and writes. */
  readonly state: Readonly<Record<string, Floats>>;
  /** Goes on as if so many steps had been begun; the state arrays are the caller's to fill. */
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
 * @param gradients   same length; left as they are
 */
export async function optimizerStep(
  optimizer: Optimizer,
  target: { readonly parameters: Floats; readonly gradients: Floats; readonly groups: readonly ParameterGroup[] },
  settings: StepSettings,
): Promise<void> {
  optimizer.begin(settings);
  for (const { start, end, weightDecay } of target.groups) {
    await inSlices(end - start, (from, to) => {
      optimizer.update(target.parameters, target.gradients, { start: start + from, end: start + to, weightDecay });
    });
  }
}

/** Makes a state array of zeros for parameters like these. A training takes memory of its own, laid out like the parameters. */
export type AllocateState = (like: Floats) => Floats;

/** Arrays of the garbage collector, with the parameters' length and precision. */
export const zerosLike: AllocateState = (like) =>
  like instanceof Float64Array ? new Float64Array(like.length) : new Float32Array(like.length);
