import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Environment } from '../../onnxruntime/index.ts';
import { cacheFolder, keep, readKept } from './cache.ts';
import { kernelForms, measureKernels, type KernelReport } from './measure-kernels.ts';

export interface KnownKernels extends KernelReport {
  readonly processor: string;
  /** Version of ONNX Runtime. */
  readonly library: string;
  readonly threads: number;
  /** The file that keeps the report. It may be deleted at any time. */
  readonly path: string;
}

const speed = z.object({ form: z.enum(kernelForms), decode: z.number(), prefill: z.number() });
const stored = z.object({ exactSigned: z.boolean(), speeds: z.array(speed).length(kernelForms.length) });

/**
 * What the kernels of this machine can do. It is measured once for each processor, library and number of threads, and kept in a file of
 * the cache folder. A file that cannot be read is measured anew, and a folder that cannot be written keeps nothing.
 */
export async function knownKernels(
  environment: Environment,
  { folder = cacheFolder() }: { readonly folder?: string } = {},
): Promise<KnownKernels> {
  const processor = cpus()[0]?.model.trim() ?? 'unknown';
  const key = { processor, library: environment.version, threads: environment.threads };
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex');
  const path = join(folder, `kernels-${hash.slice(0, 16)}.json`);
  const report = (await readKept(path, stored)) ?? (await measureAndKeep(environment, path));
  return { ...key, ...report, path };
}

async function measureAndKeep(environment: Environment, path: string): Promise<KernelReport> {
  const report = await measureKernels(environment);
  await keep(path, report);
  return report;
}
