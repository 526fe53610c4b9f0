import { inferShapes, runPasses, type AdaptableModule, type Model } from '../ir/index.ts';
import { loraPass } from '../lora/index.ts';
import { forgetShapes } from './output-shapes.ts';

/** A module with the graph inputs for the matrices of its adapter. */
export interface InjectedModule {
  readonly module: AdaptableModule;
  /** f32 [rank, in], of a convolution [rank, in, ...kernel]; any rank */
  readonly a: string;
  /** f32 [out, rank], of a convolution [out, rank / groups, 1...]; the scale is already multiplied in */
  readonly b: string;
}

/**
 * Prepares a graph for one adapter at a time. The matrices of every module are inputs whose rank is symbolic, so one session serves
 * all adapters. The base is an adapter of zeros.
 *
 * WHY a batch has one adapter, and not several as for decoders: a mask over rank rows must know which rows of the input of a node belong
 * to which request. In a graph of another tool every node may fold the batch into its rows in its own way, or have no rows, as a
 * convolution.
 */
export function injectServedAdapters(model: Model, modules: readonly AdaptableModule[]): InjectedModule[] {
  const placeholders = modules.map(({ path, groups = 1 }) => ({ path, rank: groups, scaling: 1 }));
  runPasses(model, [loraPass({ modules: placeholders })]);
  const byName = new Map(model.graph.inputs.map((value) => [value.name, value]));
  const injected = modules.map((module) => {
    const [a, b] = [`${module.path}.lora_A`, `${module.path}.lora_B`];
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
