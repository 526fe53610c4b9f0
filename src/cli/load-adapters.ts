import { baseChecks, loadAdapter } from '../adapter-files/index.ts';
import type { Adapter } from '../lora/index.ts';
import type { BaseModel } from '../models/index.ts';

/** An adapter of a command line, as `adapterSpecs` reads it. */
export interface AdapterSpec {
  readonly path: string;
  readonly scale: number;
}

interface LoadOptions {
  readonly base: BaseModel;
  /** Accepts adapters that were trained on another base. */
  readonly anyBase: boolean;
}

/**
 * Loads the adapters of a command line, by path. An adapter that is named twice is loaded once.
 * @throws EspalierError the errors of `loadAdapter`
 */
export async function loadAdapters(
  specs: readonly AdapterSpec[],
  { base, anyBase }: LoadOptions,
): Promise<Map<string, Adapter>> {
  const adapters = new Map<string, Adapter>();
  if (specs.length === 0) return adapters;
  const checks = await baseChecks(base, { anyBase });
  for (const { path } of specs) {
    if (!adapters.has(path)) adapters.set(path, await loadAdapter(path, base.modules, checks));
  }
  return adapters;
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
