import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MergeDtype } from './merge-dtype.ts';

/** Files of weights in any format, and files that belong to them. They are written anew or not copied. */
const weightFile =
  /\.(?:safetensors|safetensors\.index\.json|bin|bin\.index\.json|onnx|onnx_data|pt|pth|gguf|h5|msgpack|tflite)$/;

interface Changes {
  /** Whether the head now has its own matrix. */
  readonly untied: boolean;
  readonly dtype: MergeDtype;
}

/** Copies the files of a model's folder besides weights: configuration, tokenizer, licence. Subfolders are not copied. */
export async function copyOtherFiles(from: string, to: string, changes: Changes): Promise<void> {
  for (const name of await readdir(from)) {
    const source = join(from, name);
    if (name.startsWith('.') || weightFile.test(name) || !(await stat(source)).isFile()) continue;
    if (name === 'config.json') await writeConfig(source, join(to, name), changes);
    else await copyFile(source, join(to, name));
  }
}

async function writeConfig(from: string, to: string, { untied, dtype }: Changes): Promise<void> {
  const text = await readFile(from, 'utf8');
  const config: unknown = JSON.parse(text);
  if (typeof config !== 'object' || config === null) return writeFile(to, text);
  const type = { f32: 'float32', bf16: 'bfloat16', base: undefined }[dtype];
  const changed = {
    ...config,
    ...(untied && { tie_word_embeddings: false }),
    ...(type !== undefined && ('dtype' in config ? { dtype: type } : { torch_dtype: type })),
  };
  await writeFile(to, `${JSON.stringify(changed, undefined, 2)}\n`);
}

/** The index of shards: which file holds which weight. */
export async function writeIndex(dir: string, places: ReadonlyMap<string, string>): Promise<void> {
  let size = 0;
  for (const location of new Set(places.values())) size += (await stat(join(dir, location))).size;
  const index = { metadata: { total_size: size }, weight_map: Object.fromEntries([...places].sort()) };
  await writeFile(join(dir, 'model.safetensors.index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
}
