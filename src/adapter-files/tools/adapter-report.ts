import { breathe } from '../../core/index.ts';
import { typedArray } from '../../tensor/index.ts';
import { updateNorm } from './compare-adapters.ts';
import type { ReadAdapter } from '../formats/read-adapter.ts';

/** The report on one module of an adapter. */
export interface ModuleReport {
  readonly path: string;
  readonly kind: string;
  readonly rank: number;
  readonly scaling: number;
  readonly in: number;
  readonly out: number;
  /** Frobenius norm of the update, ‖scaling · B·A‖. */
  readonly norm: number;
}

export interface AdapterReport {
  readonly format: string;
  readonly base: string | undefined;
  /** The fingerprint of that base, according to the file. */
  readonly baseFingerprint: string | undefined;
  readonly digest: string;
  readonly parameters: number;
  readonly modules: readonly ModuleReport[];
  /** Names of parameters that are replaced. */
  readonly saved: readonly string[];
  /** Remarks on properties that are allowed, but seldom intended. */
  readonly remarks: readonly string[];
}

/** The report on an adapter that was read and is valid. */
export async function reportAdapter(adapter: ReadAdapter): Promise<AdapterReport> {
  const { format, baseName: base, baseFingerprint, digest, modules, saved } = adapter;
  const reports: ModuleReport[] = [];
  let parameters = 0;
  for (const [path, weights] of modules) {
    const { a, b, kind = 'linear', rank, scaling, magnitude, bias } = weights;
    const sizes = { in: a.shape[1] ?? 0, out: b.shape[0] ?? 0 };
    reports.push({ path, kind, rank, scaling, ...sizes, norm: updateNorm(weights) });
    for (const part of [a, b, magnitude, bias]) parameters += part ? typedArray(part).length : 0;
    await breathe();
  }
  for (const tensor of saved?.values() ?? []) parameters += typedArray(tensor).length;
  const idle = reports.filter(({ norm }) => norm === 0);
  const biased = [...modules.values()].filter(({ bias }) => bias !== undefined);
  const remarks = [
    ...(adapter.notes ?? []).map((note) => `it ${note}`),
    ...(biased.length > 0 ? [`${biased.length} of ${reports.length} modules have a bias (lora_bias)`] : []),
    ...(idle.length > 0 ? [`${idle.length} of ${reports.length} modules change nothing: their A or B is zero`] : []),
    ...reports.filter(({ scaling }) => scaling === 0).map(({ path }) => `${path} has a scale of 0`),
    ...reports
      .filter((module) => module.rank > Math.min(module.in, module.out))
      .map(({ path, rank }) => `${path} has rank ${rank}, more than its weight can have`),
  ];
  const replaced = [...(saved?.keys() ?? [])];
  return { format, base, baseFingerprint, digest, parameters, modules: reports, saved: replaced, remarks };
}
