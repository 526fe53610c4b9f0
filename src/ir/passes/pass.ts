import type { Model } from '../model.ts';

export interface PassResult {
  readonly model: Model;
  /** Whether anything is different now. */
  readonly modified: boolean;
  /** One line for each change, for people. */
  readonly changes: readonly string[];
}

/** A named rewrite of a model. It changes the model in place and says what it did. */
export interface Pass {
  readonly name: string;
  run(model: Model): PassResult;
}

/** A pass from a function that gives the lines of its changes. */
export function definePass(name: string, rewrite: (model: Model) => string[]): Pass {
  return {
    name,
    run: (model) => {
      const changes = rewrite(model);
      return { model, modified: changes.length > 0, changes };
    },
  };
}

/** Runs passes one after another; their changes come together, each with the name of its pass before it. */
export function runPasses(model: Model, passes: readonly Pass[]): PassResult {
  const changes = passes.flatMap((pass) => pass.run(model).changes.map((change) => `${pass.name}: ${change}`));
  return { model, modified: changes.length > 0, changes };
}
