import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EspalierError, namesIn, option, optionText, type OptionText } from '../core/index.ts';

/** `org/name`, as the hub names a model. */
const hubName = /^[\w.-]+\/[\w.-]+$/;

/**
 * The error for a path that is not a base model. It says what the path is instead, and what to do.
 * @param path  what the caller named as a base
 */
export async function noBaseAt(path: string): Promise<EspalierError> {
  const { found, advice } = await whatLiesAt(path);
  return new EspalierError('BASE_NOT_FOUND', { path, found, advice });
}

interface Explanation {
  readonly found: string;
  readonly advice: string | OptionText;
}

async function whatLiesAt(path: string): Promise<Explanation> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) {
    const advice = hubName.test(path) ? `For the model of this name on the hub, write hf:${path}.` : 'Check the path.';
    return { found: 'nothing is there', advice };
  }
  const names = await readdir(path).catch(() => undefined);
  return names === undefined ? ofFile(path) : ofFolder(path, names);
}

function ofFile(path: string): Explanation {
  const [folder, name] = [dirname(path), basename(path)];
  if (/^adapter_.*\.safetensors$/.test(name))
    return { found: 'it is the file of an adapter', advice: adapterAdvice(folder) };
  if (name.endsWith('.safetensors')) {
    return { found: 'it is a file of weights', advice: `Name its folder, which also holds config.json: ${folder}.` };
  }
  const foreign = foreignForms.find(({ pattern }) => pattern.test(name));
  if (foreign !== undefined) return { found: `it is ${foreign.what}`, advice: foreign.advice };
  return { found: 'it is a file', advice: 'Name the folder of a checkpoint, or an .onnx file.' };
}

async function ofFolder(path: string, names: readonly string[]): Promise<Explanation> {
  if (names.includes('adapter_config.json')) return { found: 'it is an adapter', advice: adapterAdvice(path) };
  const hint = await hintAt(path);
  if (hint !== '') return { found: 'its folder has no config.json', advice: hint.trim() };
  const inner = await foldersWith(path, names, 'config.json');
  if (inner !== undefined) return { found: 'its folder has no config.json', advice: `A model lies in ${inner}.` };
  return { found: 'its folder has no config.json', advice: 'Download the whole checkpoint, or check the path.' };
}

function adapterAdvice(adapter: string): OptionText {
  return optionText('Name the base that it was trained on, and the adapter with ', option('adapter'), ` ${adapter}.`);
}

/** Model files of other tools. */
const foreignForms = [
  {
    pattern: /^(pytorch_model.*\.bin|.*\.(pt|pth|ckpt))$/i,
    what: 'a pickle',
    advice:
      'Espalier runs no pickles: take the safetensors files of the model, or save it again with safe_serialization.',
  },
] as const;

/**
 * What a folder without weights in safetensors form has instead, as a sentence with a space before it; '' if there is nothing to say.
 */
export async function hintAt(dir: string): Promise<string> {
  const names = await namesIn(dir);
  const inner = names.includes('onnx') ? await namesIn(join(dir, 'onnx')) : [];
  const graphs = [...names, ...inner.map((name) => `onnx/${name}`)].filter((name) => name.endsWith('.onnx')).sort();
  if (graphs.length > 0)
    return ` There are ${graphs.join(', ')}: name one of these files, such as ${join(dir, graphs[0] ?? '')}.`;
  const foreign = foreignForms.find(({ pattern }) => names.some((name) => pattern.test(name)));
  return foreign === undefined ? '' : ` There is ${foreign.what}. ${foreign.advice}`;
}

/** A folder inside that holds the file, such as the checkpoint of a training. */
async function foldersWith(dir: string, names: readonly string[], file: string): Promise<string | undefined> {
  for (const name of [...names].sort().slice(0, 100)) {
    if (await lstat(join(dir, name, file)).catch(() => undefined)) return join(dir, name);
  }
  return undefined;
}
