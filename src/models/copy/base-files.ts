import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isFile } from '../../core/index.ts';
import { externalLocations, loadModel } from '../../ir/index.ts';
import { besideName } from '../onnx/open-causal.ts';
import { findOnnxFile, isOnnxPath } from '../onnx/find-onnx-file.ts';
import { findGguf, openGgufFiles } from '../gguf/open-gguf-files.ts';
import { listWeights } from '../weight-files.ts';

/** The files of a base. */
export interface BaseFiles {
  /** The folder of the whole base. */
  readonly dir: string;
  /** The path that `openBaseModel` opens, relative to `dir`; '' is the folder itself. */
  readonly entry: string;
  /** All files, relative to `dir`: weights, configuration, tokenizer. */
  readonly files: readonly string[];
}

/**
 * Lists the files of a base that `openBaseModel` and `openTokenizer` read. Other files of the folder, such as the same weights in
 * another format, are not listed.
 *
 * @throws EspalierError the errors of `openBaseModel` for missing or broken files
 */
export async function listBaseFiles(path: string): Promise<BaseFiles> {
  if (await isOnnxPath(path)) return listOnnxFiles(path);
  const gguf = await findGguf(path);
  if (gguf !== undefined) {
    const { dir, file, locations } = await openGgufFiles(gguf);
    return { dir, entry: file, files: distinct(locations) };
  }
  const { locations } = await listWeights(path);
  return { dir: path, entry: '', files: distinct([...locations, ...(await smallFiles(path))]) };
}

async function listOnnxFiles(path: string): Promise<BaseFiles> {
  const found = await findOnnxFile(path);
  const own = dirname(found.path);
  const beside = join(own, besideName);
  const files: string[] = [];
  for (const file of [found.path, ...((await isFile(beside)) ? [beside] : [])]) {
    const locations = externalLocations(await loadModel(file));
    files.push(...[file, ...locations.map((location) => join(own, location))].map((each) => relative(found.dir, each)));
  }
  const entry = path.endsWith('.onnx') ? relative(found.dir, found.path) : '';
  return { dir: found.dir, entry, files: distinct([...files, ...(await smallFiles(found.dir))]) };
}

/** The files of configuration and tokenizer, including those in the folders of sentence-transformers (`1_Pooling`, `2_Dense`). */
async function smallFiles(dir: string, { isStep = false } = {}): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      if (!/^\d+_\w+$/.test(entry.name)) continue;
      names.push(...(await smallFiles(join(dir, entry.name), { isStep: true })).map((name) => join(entry.name, name)));
    } else if (/^[^.].*\.(json|txt|model|jinja)$/.test(entry.name)) names.push(entry.name);
    else if (isStep && entry.name === 'model.safetensors') names.push(entry.name);
  }
  return names;
}

function distinct(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
