import { basename, dirname, join } from 'node:path';
import { EspalierError, isFile, namesIn, option, optionText, type OptionText } from '../../core/index.ts';

interface Explanation {
  readonly found: string;
  readonly advice: string | OptionText;
}

/** How many folders are looked into for an adapter: a training leaves a few checkpoints. */
const maxFolders = 100;

const pickles = {
  what: 'a pickle',
  advice:
    'Espalier runs no pickles. Load it in PEFT and save it again: PeftModel.from_pretrained(base, folder).save_pretrained(output) writes adapter_model.safetensors since PEFT 0.7.',
} as const;

const mlx = {
  found: 'it is an adapter of MLX',
  advice:
    'MLX has names and scales of its own. Merge it into its base with mlx_lm.fuse and serve the result as a base, or train the adapter with Espalier or PEFT.',
} as const;

/** Keys of MLX's adapter_config.json, which are unknown to PEFT. */
const mlxKeys = ['fine_tune_type', 'lora_parameters', 'lora_layers', 'num_layers', 'adapter_path'];

/**
 * Why a folder with a configuration has no weights that can be read, with the way out.
 * @returns undefined if nothing in the folder explains it
 */
export async function noWeightsIn(path: string): Promise<EspalierError | undefined> {
  return errorOf(path, ofWeights(path, await namesIn(path)));
}

/**
 * Why the content of an adapter_config.json is not PEFT's, with the way out.
 * @returns undefined if it may be PEFT's
 */
export function foreignConfig(path: string, content: unknown): EspalierError | undefined {
  if (typeof content !== 'object' || content === null || 'peft_type' in content) return undefined;
  return errorOf(dirname(path), mlxKeys.some((key) => key in content) ? mlx : undefined);
}

/**
 * Why a folder without adapter_config.json is no adapter, with the way out.
 * @returns undefined if nothing in the folder explains it
 */
export async function noAdapterIn(path: string): Promise<EspalierError | undefined> {
  const names = await namesIn(path);
  const missing = names.find((name) => /^adapter_model\.(safetensors|bin)$/.test(name));
  if (missing !== undefined) {
    const advice = 'Copy adapter_config.json, which PEFT writes beside it, into the same folder.';
    return errorOf(path, { found: `it has ${missing} without adapter_config.json`, advice });
  }
  return errorOf(path, ofWeights(path, names) ?? ofBase(names) ?? (await ofInner(path, names)));
}

/**
 * Why a file is no adapter, with the way out.
 * @param start  its first bytes
 * @returns undefined if neither the name nor the bytes explain it
 */
export function noAdapterFile(path: string, start: Uint8Array): EspalierError | undefined {
  const name = basename(path);
  if (isPickle(start)) {
    return errorOf(path, { found: `it is ${pickles.what}`, advice: pickles.advice });
  }
  if (name.endsWith('.onnx')) {
    const advice = optionText(
      'Name a base with ',
      option('base'),
      '; an adapter for ONNX Runtime ends in .onnx_adapter.',
    );
    return errorOf(path, { found: 'it is an ONNX model', advice });
  }
  if (!name.endsWith('.safetensors')) return undefined;
  if (/^\d*_?adapters\.safetensors$/.test(name)) return errorOf(path, mlx);
  const advice =
    'An adapter of PEFT is a folder with adapter_config.json and adapter_model.safetensors: name that folder.';
  return errorOf(path, { found: 'it is a file of weights without a configuration', advice });
}

/**
 * The folder of an adapter of which one file is named, if both of its files are there; otherwise the path itself. WHY by the name of
 * the file: people name the file that holds the weights.
 */
export async function adapterFolder(path: string): Promise<string> {
  if (!/^adapter_(model\.safetensors|config\.json)$/.test(basename(path))) return path;
  const folder = dirname(path);
  for (const name of ['adapter_model.safetensors', 'adapter_config.json']) {
    if (!(await isFile(join(folder, name)))) return path;
  }
  return folder;
}

/** Weights of other forms in a folder. */
function ofWeights(path: string, names: readonly string[]): Explanation | undefined {
  const single = names.find((name) => /\.(gguf|onnx_adapter)$/i.test(name));
  if (single !== undefined) {
    const what = /\.gguf$/i.test(single) ? 'a GGUF file' : 'an adapter for ONNX Runtime';
    return { found: `its folder has ${single}, ${what}`, advice: `Name the file: ${join(path, single)}.` };
  }
  if (names.includes('adapter_model.bin')) {
    return { found: `its weights are adapter_model.bin, ${pickles.what}`, advice: pickles.advice };
  }
  if (names.some((name) => /^\d*_?adapters\.safetensors$/.test(name))) return mlx;
  const part = names.find((name) => /^adapter_model-\d+-of-\d+\.safetensors$/.test(name));
  if (part === undefined) return undefined;
  const advice = 'Join its parts into adapter_model.safetensors, as PEFT writes it: save_pretrained without shards.';
  return { found: `its weights are in parts (${part})`, advice };
}

function ofBase(names: readonly string[]): Explanation | undefined {
  if (!names.some((name) => name === 'config.json' || name.endsWith('.onnx'))) return undefined;
  const advice = optionText('An adapter has adapter_config.json. Name this folder with ', option('base'), '.');
  return { found: 'it is a base model', advice };
}

/** Folders inside: the checkpoints of a training, or the adapters of other names that PEFT saves. */
async function ofInner(path: string, names: readonly string[]): Promise<Explanation | undefined> {
  const inner: string[] = [];
  for (const name of names.slice(0, maxFolders)) {
    if (await isFile(join(path, name, 'adapter_config.json'))) inner.push(name);
  }
  const last = inner.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  if (last === undefined) return undefined;
  const shown = inner.length > 5 ? `${inner.slice(0, 5).join(', ')} and ${inner.length - 5} more` : inner.join(', ');
  return { found: `it has adapters inside (${shown})`, advice: `Name one of them, such as ${join(path, last)}.` };
}

/** A file of torch.save is a zip archive, or a bare pickle of protocol 2 to 5. */
function isPickle([first, second = 0, third, fourth]: Uint8Array): boolean {
  const isZip = first === 0x50 && second === 0x4b && third === 3 && fourth === 4;
  return isZip || (first === 0x80 && second >= 2 && second <= 5);
}

function errorOf(path: string, explanation: Explanation | undefined): EspalierError | undefined {
  return explanation && new EspalierError('ADAPTER_FORM_FOREIGN', { path, ...explanation });
}
