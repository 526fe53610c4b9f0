import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, namesIn } from '../core/index.ts';
import { isHubReference } from '../hub/index.ts';

/**
 * Checks that what `serve` is given for `--adapters` and `--model` has not been mistaken for another option. A path at which nothing
 * lies is left to those who open it.
 * @throws EspalierError CLI_BAD_VALUE that says what the path is, and what to do
 */
export async function checkServed({
  adapters,
  models,
}: {
  adapters?: string;
  models: readonly string[];
}): Promise<void> {
  if (adapters !== undefined) {
    const actual = await notAdapters(adapters);
    const expected = 'a folder with a folder or a file for each adapter';
    if (actual !== undefined) throw new EspalierError('CLI_BAD_VALUE', { flag: '--adapters', expected, actual });
  }
  for (const model of models) {
    const actual = await notGraph(model);
    if (actual === undefined) continue;
    throw new EspalierError('CLI_BAD_VALUE', { flag: '--model', expected: 'the path of an .onnx file', actual });
  }
}

async function notAdapters(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === false) return `${path}, a file`;
  const names = await namesIn(path);
  if (names.includes('adapter_config.json')) return `${path}, which is one adapter: name the folder around it`;
  return isBase(names) ? `${path}, which is a base: name it with --base` : undefined;
}

async function notGraph(path: string): Promise<string | undefined> {
  if (isHubReference(path)) return `${path}: fetch it with espalier pull, and name its .onnx file`;
  if (path.endsWith('.safetensors')) return `${path}, a file of weights: name the folder of a checkpoint with --base`;
  const names = await namesIn(path);
  if (names.includes('adapter_config.json')) return `${path}, which is an adapter: it is served with its base`;
  const graphs = names.filter((name) => name.endsWith('.onnx')).sort();
  const [first] = graphs;
  if (first !== undefined) return `${path}, a folder with ${graphs.join(', ')}: name one, such as ${join(path, first)}`;
  return isBase(names) ? `${path}, which is a checkpoint: name it with --base` : undefined;
}

function isBase(names: readonly string[]): boolean {
  return names.includes('config.json') && names.some((name) => /\.(safetensors|onnx)$|^onnx$/.test(name));
}
