import type { Environment } from '../onnxruntime/index.ts';

/**
 * Makes a trial that is held once for each environment, since what its library and its device compute does not change, and each trial
 * opens a session. A trial that fails is held again when it is asked for again.
 */
export function oncePerEnvironment<Result>(
  hold: (environment: Environment) => Promise<Result>,
): (environment: Environment) => Promise<Result> {
  const trials = new WeakMap<Environment, Promise<Result>>();
  return async (environment) => {
    const trial = trials.get(environment) ?? hold(environment);
    trials.set(environment, trial);
    try {
      return await trial;
    } catch (error) {
      trials.delete(environment);
      throw error;
    }
  };
}
