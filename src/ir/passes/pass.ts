import { EspalierError, finishInSlices, finishNow, type Steps } from '../../core/index.ts';
import type { Model } from '../model.ts';

export interface PassResult {
  readonly model: Model;
  /** Whether the pass changed the model. */
  readonly modified: boolean;
  /** One line for each change, for human readers. */
  readonly changes: readonly string[];
}

/** A property of a model that a pass needs or promises. */
export interface Condition {
  /** The property, worded as the end of a sentence: `every node stands behind what it reads`. */
  readonly name: string;
  /** Describes the violation, or returns undefined if the property holds. It reads each node a few times at most and changes nothing. */
  broken(model: Model): string | undefined;
}

/** A named rewrite of a model. It changes the model in place and reports its changes. */
export interface Pass {
  readonly name: string;
  /** Conditions that must hold before the pass. `runPasses` checks them. */
  readonly requires: readonly Condition[];
  /** Conditions that hold after the pass. `runPasses` checks them. */
  readonly ensures: readonly Condition[];
  run(model: Model): PassResult;
  /** The same, for callers that let other tasks run meanwhile. Absent for rewrites that are short. */
  readonly steps?: (model: Model) => Steps<PassResult>;
}

type Conditions = Partial<Pick<Pass, 'requires' | 'ensures'>>;

/** Makes a pass from a function that returns the lines of its changes. */
export function definePass(
  name: string,
  rewrite: (model: Model) => string[],
  { requires = [], ensures = [] }: Conditions = {},
): Pass {
  return { name, requires, ensures, run: (model) => resultOf(model, rewrite(model)) };
}

/** Makes a pass of a long rewrite, which yields wherever other tasks may run. */
export function defineLongPass(
  name: string,
  rewrite: (model: Model) => Steps<string[]>,
  { requires = [], ensures = [] }: Conditions = {},
): Pass {
  const steps = function* (model: Model): Steps<PassResult> {
    return resultOf(model, yield* rewrite(model));
  };
  return { name, requires, ensures, steps, run: (model) => finishNow(steps(model)) };
}

function resultOf(model: Model, changes: readonly string[]): PassResult {
  return { model, modified: changes.length > 0, changes };
}

/**
 * Runs passes one after another and checks the conditions of each: `requires` before it, `ensures` after it.
 *
 * @returns the changes of all passes, each with the name of its pass before it
 * @throws EspalierError IR_PASS_BROKEN for the first condition that does not hold, and the errors of the passes
 */
export function runPasses(model: Model, passes: readonly Pass[]): PassResult {
  return finishNow(passSteps(model, passes));
}

/** As `runPasses`, and lets other tasks run meanwhile. Nothing else may change the model before it has ended. */
export function runPassesInSlices(model: Model, passes: readonly Pass[]): Promise<PassResult> {
  return finishInSlices(passSteps(model, passes));
}

function* passSteps(model: Model, passes: readonly Pass[]): Steps<PassResult> {
  const changes: string[] = [];
  for (const pass of passes) {
    yield* assertHold(model, pass, { when: 'requires', conditions: pass.requires });
    const result = pass.steps ? yield* pass.steps(model) : pass.run(model);
    yield;
    yield* assertHold(model, pass, { when: 'ensures', conditions: pass.ensures });
    changes.push(...result.changes.map((change) => `${pass.name}: ${change}`));
  }
  return resultOf(model, changes);
}

function* assertHold(
  model: Model,
  { name: pass }: Pass,
  { when, conditions }: { readonly when: 'requires' | 'ensures'; readonly conditions: readonly Condition[] },
): Steps<void> {
  for (const { name, broken } of conditions) {
    const reason = broken(model);
    if (reason !== undefined) throw new EspalierError('IR_PASS_BROKEN', { pass, when, condition: name, reason });
    yield;
  }
}
