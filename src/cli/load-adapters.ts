import { baseChecks, loadAdapter } from '../adapter-files/index.ts';
import type { Adapter } from '../lora/index.ts';
import type { BaseModel } from '../models/index.ts';
import type { Output } from './output.ts';

/** An adapter of a command line, as `adapterSpecs` reads it. */
export interface AdapterSpec {
  readonly path: string;
  readonly scale: number;
}

interface LoadOptions {
  readonly base: BaseModel;
  /** Accepts adapters that were trained on another base. */
  readonly anyBase: boolean;
  readonly output: Pick<Output, 'note'>;
}

/**
 * Loads the adapters of a command line, by path. An adapter that is named twice is loaded once.
 * @throws EspalierError the errors of `loadAdapter`
 */
export async function loadAdapters(
  specs: readonly AdapterSpec[],
  { base, anyBase, output }: LoadOptions,
): Promise<Map<string, Adapter>> {
  const adapters = new Map<string, Adapter>();
  if (specs.length === 0) return adapters;
  const checks = await baseChecks(base, { anyBase });
  for (const { path } of specs) {
    if (adapters.has(path)) continue;
    const adapter = await loadAdapter(path, base.modules, checks);
    adapters.set(path, adapter);
    tellNotes(path, adapter, output);
  }
  return adapters;
}

/** Tells what was left out of an adapter's files. */
export function tellNotes(path: string, { notes = [] }: Pick<Adapter, 'notes'>, output: Pick<Output, 'note'>): void {
  for (const note of notes) output.note(`The adapter ${path} ${note}`);
}

/** An adapter and its scale from the command line. */
export interface ScaledAdapter extends Pick<Adapter, 'modules' | 'saved'> {
  readonly scale: number;
}

/** The adapters in the order of the command line, with their scales. @throws EspalierError the errors of `loadAdapter` */
export async function loadScaled(specs: readonly AdapterSpec[], options: LoadOptions): Promise<ScaledAdapter[]> {
  const adapters = await loadAdapters(specs, options);
  return specs.flatMap(({ path, scale }) => {
    const { modules, saved } = adapters.get(path) ?? {};
    return modules === undefined ? [] : [{ modules, ...(saved && { saved }), scale }];
  });
}
