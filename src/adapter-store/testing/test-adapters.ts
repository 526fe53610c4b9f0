import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadAdapter, writeAdapter, type StoredAdapter, type WrittenFormat } from '../../adapter-files/index.ts';
import type { Adapter, ModuleWeights } from '../../lora/index.ts';
import { tensorOf } from '../../tensor/index.ts';

/** The modules of the base of these tests. */
export const linears = [
  { path: 'net.one', in: 4, out: 3 },
  { path: 'net.two', in: 3, out: 4 },
];

/** An adapter whose numbers betray its version. The alpha is in its configuration, and the numbers are in the other file. */
export function adapterOf(version: number, alpha = 2): StoredAdapter {
  const modules = linears.map(({ path, in: width, out }): [string, ModuleWeights] => [
    path,
    {
      rank: 1,
      scaling: alpha,
      a: tensorOf('float32', [1, width], new Float32Array(width).fill(version)),
      b: tensorOf('float32', [out, 1], new Float32Array(out).fill(version + 1)),
    },
  ]);
  const config = { rank: 1, alpha, dropout: 0, targetModules: ['one', 'two'] };
  return { config, modules: new Map(modules), baseName: undefined };
}

/** The version of an adapter that was read. */
export function versionOf({ modules }: Pick<Adapter, 'modules'>): number {
  const a = modules.get('net.one')?.a.bytes ?? new Uint8Array(4);
  return new DataView(a.buffer, a.byteOffset, 4).getFloat32(0, true);
}

/** Writes an adapter in a place where nobody watches. */
export async function write(path: string, version: number, format: WrittenFormat = 'peft'): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeAdapter(path, adapterOf(version), { format });
  return path;
}

/** Writes an adapter and renames it into its place. */
export async function drop(
  elsewhere: string,
  path: string,
  version: number,
  format: WrittenFormat = 'peft',
): Promise<void> {
  const made = await write(join(elsewhere, `made-${count++}`), version, format);
  await mkdir(dirname(path), { recursive: true });
  await rename(made, path);
}

let count = 0;

/** A file whose numbers are not all finite. */
export async function writeNotFinite(path: string): Promise<void> {
  await write(path, 1);
  await writeFile(join(path, 'adapter_model.safetensors'), await notFinite(path));
}

async function notFinite(path: string): Promise<Uint8Array> {
  const bytes = await readFile(join(path, 'adapter_model.safetensors'));
  bytes.writeFloatLE(Number.NaN, bytes.length - 4);
  return bytes;
}

/** Reads a copy that has settled. */
export function readCopy(path: string): Promise<Adapter> {
  const fileClock = { now: () => Date.now() + 60_000, wait: () => Promise.reject(new Error('it waited')) };
  return loadAdapter(path, linears, { fileClock });
}
