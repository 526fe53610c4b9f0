/**
 * The protocol for graphs of a running service: adapters come and go under names, and what stands in the graph stands in its metadata.
 * Knows nothing of weights and sessions: whoever runs the graph encodes it anew after a change.
 */
import { z } from 'zod';
import { didYouMean, EspalierError } from '../../core/index.ts';
import type { Model } from '../../ir/index.ts';
import { assertPlain } from './assert-plain.ts';
import { findModules } from '../targets/find-modules.ts';
import type { InjectionReport } from './graft.ts';
import { injectLora } from './inject-lora.ts';
import type { Adapter } from '../adapter.ts';
import { loraShapes } from '../lora-shapes.ts';
import { removeLora } from './remove-lora.ts';

/** An adapter for one module, with the shapes that its matrices have. */
export interface DescribedModule {
  readonly path: string;
  readonly rank: number;
  readonly scaling: number;
  /** [rank, in]; of a convolution [rank, in, ...kernel] */
  readonly a: readonly number[];
  /** [out, rank]; of a convolution [out, rank / groups, 1...] */
  readonly b: readonly number[];
}

/** An adapter as a graph needs to know it: everything but its numbers. */
export interface AdapterDescription {
  /** Letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** SHA-256 of its content, in hexadecimal. */
  readonly version: string;
  readonly modules: readonly DescribedModule[];
}

/** An adapter that stands in a graph. */
export interface InjectedAdapter {
  readonly name: string;
  readonly version: string;
  readonly modules: readonly { readonly path: string; readonly rank: number; readonly scaling: number }[];
}

/** Nothing is injected; something is; or nothing may change any more. */
export type RewriterState = 'idle' | 'active' | 'frozen';

/** Key in a model's metadata (`metadata_props`) for each adapter: `espalier.adapter.NAME`, JSON of version and modules. */
export const adapterMetadataPrefix = 'espalier.adapter.';

/** Key in a model's metadata that says that it is frozen. */
export const frozenKey = 'espalier.frozen';

const entry = z.object({
  version: z.string(),
  modules: z.array(z.object({ path: z.string(), rank: z.number(), scaling: z.number() })),
});

/**
 * Injects adapters into a graph and takes them out, in any order.
 *
 *   idle ── inject ──> active ── inject, unload ──> active ── unload the last ──> idle
 *   idle, active ── freeze ──> frozen
 *
 * The state is the model's own: a model that was written and read again goes on where it was. Taking the last adapter out leaves the
 * very bytes from before the first came.
 */
export class GraphRewriter {
  readonly #model: Model;

  /** @throws EspalierError GRAPH_METADATA_BROKEN when the model says something of its adapters that cannot be read */
  constructor(model: Model) {
    this.#model = model;
    this.adapters(); // read once, so that a broken entry is told at once
  }

  get state(): RewriterState {
    if (this.#model.metadata.has(frozenKey)) return 'frozen';
    return this.adapters().length > 0 ? 'active' : 'idle';
  }

  /** What stands in the graph, in the order in which it came. */
  adapters(): InjectedAdapter[] {
    return [...this.#model.metadata].flatMap(([key, text]) =>
      key.startsWith(adapterMetadataPrefix) ? [readEntry(key, text)] : [],
    );
  }

  /**
   * Puts an adapter into the graph. Its inputs are `<path>.lora_A.<name>` and `<path>.lora_B.<name>`; several adapters add up.
   *
   * @throws EspalierError GRAPH_FROZEN, GRAPH_ADAPTER_EXISTS, and LORA_MODULES_INVALID with everything that does not fit, names,
   *   ranks and shapes; the graph is as it was then
   */
  inject(adapter: AdapterDescription): InjectionReport {
    const { name, version, modules } = adapter;
    this.#assertOpen(`inject ${name}`);
    const present = this.adapters().find((one) => one.name === name);
    if (present) throw new EspalierError('GRAPH_ADAPTER_EXISTS', { name, version: present.version });
    const problems = [...nameProblems(name), ...this.#shapeProblems(modules)];
    if (problems.length > 0) throw new EspalierError('LORA_MODULES_INVALID', { problems });
    const wanted = modules.map(({ path, rank, scaling }) => ({ path, rank, scaling }));
    const report = injectLora(this.#model, { modules: wanted, adapter: name });
    this.#model.metadata.set(`${adapterMetadataPrefix}${name}`, JSON.stringify({ version, modules: wanted }));
    return report;
  }

  /**
   * Takes an adapter out of the graph; the others stay.
   * @throws EspalierError GRAPH_FROZEN, GRAPH_ADAPTER_UNKNOWN; the graph is as it was then
   */
  unload(name: string): InjectedAdapter {
    this.#assertOpen(`unload ${name}`);
    const all = this.adapters();
    const present = all.find((one) => one.name === name);
    if (present === undefined) {
      const names = all.map((one) => one.name);
      const known = names.join(', ') || 'none';
      throw new EspalierError('GRAPH_ADAPTER_UNKNOWN', { name, hint: didYouMean(name, names), known });
    }
    removeLora(this.#model, { adapter: name });
    this.#model.metadata.delete(`${adapterMetadataPrefix}${name}`);
    return present;
  }

  /**
   * From here on every change is refused, also after the model was written and read again.
   * @throws EspalierError GRAPH_FROZEN when it is frozen already
   */
  freeze(): void {
    this.#assertOpen('freeze it again');
    this.#model.metadata.set(frozenKey, 'true');
  }

  #assertOpen(operation: string): void {
    if (this.state === 'frozen') throw new EspalierError('GRAPH_FROZEN', { operation });
  }

  /** What of the adapter's matrices does not fit the graph's modules. Modules that are not there `injectLora` names. */
  #shapeProblems(modules: readonly DescribedModule[]): string[] {
    const { modules: found } = findModules(this.#model.graph, [...new Set(modules.map(({ path }) => path))]);
    const known = new Map(found.map((module) => [module.path, module]));
    return modules.flatMap(({ path, rank, a, b }) => {
      const module = known.get(path);
      if (module === undefined) return [];
      const shapes = loraShapes(module, rank);
      return [...shapeProblem(`${path}.lora_A`, shapes.a, a), ...shapeProblem(`${path}.lora_B`, shapes.b, b)];
    });
  }
}

/**
 * What a graph needs to know of an adapter.
 * @throws EspalierError LORA_PARTS_NOT_APPLIED for one that is more than two matrices a module
 */
export function describeAdapter(
  name: string,
  adapter: Pick<Adapter, 'modules' | 'saved' | 'digest'>,
): AdapterDescription {
  assertPlain(name, adapter, { place: 'a graph that others run in too' });
  const modules = [...adapter.modules].map(([path, { rank, scaling, a, b }]) => {
    return { path, rank, scaling, a: a.shape, b: b.shape };
  });
  return { name, version: adapter.digest, modules };
}

function readEntry(key: string, text: string): InjectedAdapter {
  try {
    return { name: key.slice(adapterMetadataPrefix.length), ...entry.parse(JSON.parse(text)) };
  } catch (cause) {
    throw new EspalierError('GRAPH_METADATA_BROKEN', { key }, { cause });
  }
}

function nameProblems(name: string): string[] {
  return /^[\w.-]{1,128}$/.test(name) ? [] : [`an adapter's name has letters, digits, '.', '_' and '-', got ${name}`];
}

function shapeProblem(name: string, expected: readonly number[], actual: readonly number[]): string[] {
  if (expected.join() === actual.join()) return [];
  return [`${name} should be [${expected.join(', ')}], is [${actual.join(', ')}]`];
}
