import { EspalierError } from '../../core/index.ts';
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
}

/** Makes a pass from a function that returns the lines of its changes. */
export function definePass(
  name: string,
  rewrite: (model: Model) => string[],
  { requires = [], ensures = [] }: Partial<Pick<Pass, 'requires' | 'ensures'>> = {},
): Pass {
  return {
    name,
    requires,
    ensures,
    run: (model) => {
      const changes = rewrite(model);
      return { model, modified: changes.length > 0, changes };
    },
  };
}

/**
 * Runs passes one after another and checks the conditions of each: `requires` before it, `ensures` after it.
 *
 * @returns the changes of all passes, each with the name of its pass before it
 * @throws EspalierError IR_PASS_BROKEN for the first condition that does not hold, and the errors of the passes
 */
export function runPasses(model: Model, passes: readonly Pass[]): PassResult {
  const changes = passes.flatMap((pass) => {
    assertHold(model, pass, { when: 'requires', conditions: pass.requires });
    const result = pass.run(model);
    assertHold(model, pass, { when: 'ensures', conditions: pass.ensures });
    return result.changes.map((change) => `${pass.name}: ${change}`);
  });
  return { model, modified: changes.length > 0, changes };
}

function assertHold(
  model: Model,
  { name: pass }: Pass,
  { when, conditions }: { readonly when: 'requires' | 'ensures'; readonly conditions: readonly Condition[] },
): void {
  for (const { name, broken } of conditions) {
    const reason = broken(model);
    if (reason !== undefined) throw new EspalierError('IR_PASS_BROKEN', { pass, when, condition: name, reason });
  }
}
