import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSafetensors, typedArray } from '../../tensor/index.ts';
import { commandList } from '../command-list.ts';
import { runProgram } from '../program.ts';

/** Runs a command line in this process, on one thread, and collects its output. */
export async function espalier(words: readonly string[], signal = new AbortController().signal) {
  let [stdout, stderr] = ['', ''];
  const exitCode = await runProgram([...words, '--threads', '1'], {
    commands: commandList,
    version: '0.0.0',
    streams: {
      stdout: { write: (text: string) => (stdout += text) },
      stderr: { write: (text: string) => (stderr += text) },
    },
    signal,
  });
  return { exitCode, stdout, stderr };
}

export function goldenFolder(name: string): string {
  return fileURLToPath(new URL(`../../../test/golden/${name}`, import.meta.url));
}

/** Writes the golden batch as a file of rows without padding. */
export async function writeGoldenRows(golden: string, path: string): Promise<string> {
  const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
  const read = (name: string): number[] => {
    const tensor = tensors.get(name);
    return tensor === undefined ? [] : Array.from(typedArray(tensor), Number);
  };
  const [ids, labels, mask] = [read('input_ids'), read('labels'), read('attention_mask')];
  const count = tensors.get('input_ids')?.shape[0] ?? 0;
  const length = ids.length / count;
  const rows = Array.from({ length: count }, (_, row) => {
    const [start, end] = [row * length, (row + 1) * length];
    const real = mask.slice(start, end).filter((one) => one === 1).length;
    const isPerRow = labels.length === count;
    const target = isPerRow ? { label: labels[row] } : { labels: labels.slice(start, start + real) };
    return JSON.stringify({ input_ids: ids.slice(start, start + real), ...target });
  });
  await writeFile(path, `${rows.join('\n')}\n`);
  return path;
}

/** The expected results of a golden case's training. */
export interface GoldenTraining {
  readonly lossTrace: number[];
  readonly optimizer: {
    readonly name: string;
    readonly lr: number;
    readonly weightDecay?: number;
    readonly momentum?: number;
    readonly nesterov?: boolean;
  };
}

export async function readGoldenTraining(golden: string): Promise<GoldenTraining> {
  return JSON.parse(await readFile(join(golden, 'expected.json'), 'utf8')) as GoldenTraining;
}
