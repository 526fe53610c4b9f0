import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Environment } from '../../onnxruntime/index.ts';
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

/** The user's folder for what can be computed anew: `$XDG_CACHE_HOME`, or `~/.cache`. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = environment['XDG_CACHE_HOME'];
  return join(named === undefined || named === '' ? join(homedir(), '.cache') : named, 'espalier');
}

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
  const report = (await readReport(path)) ?? (await measureAndKeep(environment, folder, path));
  return { ...key, ...report, path };
}

async function readReport(path: string): Promise<KernelReport | undefined> {
  try {
    return stored.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

async function measureAndKeep(environment: Environment, folder: string, path: string): Promise<KernelReport> {
  const report = await measureKernels(environment);
  const partial = `${path}.${process.pid}.partial`;
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(partial, JSON.stringify(report));
    await rename(partial, path);
  } catch {
    // A cache that cannot be written is no reason to fail.
  }
  return report;
}
