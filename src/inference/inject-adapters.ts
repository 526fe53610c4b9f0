import { inferShapes, type AdaptableModule, type Model } from '../ir/index.ts';
import { injectLora } from '../lora/index.ts';
import { forgetShapes } from './output-shapes.ts';

/** A module with the graph inputs that its adapter's matrices come through. */
export interface InjectedModule {
  readonly module: AdaptableModule;
  /** f32 [rank, in], of a convolution [rank, in, ...kernel]; any rank */
  readonly a: string;
  /** f32 [out, rank], of a convolution [out, rank / groups, 1...]; scaled already */
  readonly b: string;
}

/**
 * Prepares a graph for any one adapter at a time: every module's matrices are inputs whose rank is open, so that one session serves
 * every adapter, and the base as an adapter of zeros.
 *
 * WHY one adapter a batch, and not several side by side as decoders have them: a mask over rank rows needs to know which rows of a
 * node's input belong to which request, and in a foreign graph every node may have folded the batch into its rows in its own way
 * (or have none, as a convolution's channels).
 */
export function injectAdapters(model: Model, modules: readonly AdaptableModule[]): InjectedModule[] {
  const placeholders = modules.map(({ path, groups = 1 }) => ({ path, rank: groups, scaling: 1 }));
  const { inputs } = injectLora(model, { modules: placeholders });
  const byName = new Map(model.graph.inputs.map((value) => [value.name, value]));
  const injected = modules.map((module, place) => {
    const [a = '', b = ''] = inputs.slice(2 * place, 2 * place + 2);
    for (const [name, axis] of [[a, 0] as const, [b, 1] as const]) {
      const value = byName.get(name);
      if (value?.shape === undefined) throw new TypeError(`${module.path} has no input ${name}`);
      value.shape = value.shape.map((dim, i) => (i === axis ? `${name}.rank` : dim));
    }
    return { module, a, b };
  });
  forgetShapes(model.graph);
  inferShapes(model);
  return injected;
}
