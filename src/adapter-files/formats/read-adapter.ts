import { EspalierError } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { checkedDigest } from '../identity.ts';
import type { AdapterContents, AdapterFile } from '../source/adapter-source.ts';
import { readStable, type SourceOptions } from '../source/read-stable.ts';
import { checkBase, checkFingerprint } from './check-base.ts';
import { formatOf, type AdapterFormat } from './detect-format.ts';
import { adapterFolder } from './explain-adapter.ts';
import { fileStructure, readWhole, type ReadOptions } from './file-formats.ts';
import { readPeft, toAdapter, type LoadAdapterOptions } from './peft/load-peft-adapter.ts';
import type { PeftBase } from './peft/peft-structure.ts';
import { peftFiles } from './peft/read-peft-config.ts';
import type { StoredAdapter } from './stored-adapter.ts';

export type { CompanionFiles, ReadOptions } from './file-formats.ts';

/** An adapter from a file of any format. */
export interface ReadAdapter extends Adapter {
  readonly format: AdapterFormat;
  /** The contents of the further files that were asked for, by their names in the folder. */
  readonly companions?: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads an adapter of any format and checks it against its base: no tensor may be missing, unexpected or of another shape, and no
 * number may be NaN or infinite. Its files are opened once, and read as one consistent state.
 *
 * @param modules  the adaptable modules of the base
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE, ADAPTER_CHANGING, ADAPTER_FORMAT_UNKNOWN, LORA_BASE_MISMATCH,
 *   ADAPTER_BASE_MISMATCH, TENSOR_NOT_FINITE, and those of the format: LORA_* and SAFETENSORS_* (PEFT), ONNX_ADAPTER_MALFORMED, BIN_ADAPTER_MALFORMED, GGUF_*,
 *   ADAPTER_NAMES_UNKNOWN
 */
export function loadAdapter(
  path: string,
  modules: readonly AdaptableModule[],
  options: ReadOptions & LoadAdapterOptions = {},
): Promise<ReadAdapter> {
  const { weights, fingerprint, embeddings } = options;
  return read(path, { modules, weights, fingerprint, embeddings }, options);
}

/**
 * Reads an adapter of any format without its base, and checks it as far as possible.
 *
 * @throws EspalierError the errors of `loadAdapter`
 */
export function readAdapter(path: string, options: ReadOptions = {}): Promise<ReadAdapter> {
  return read(path, undefined, options);
}

/**
 * As `loadAdapter`, from contents that do not change.
 *
 * @throws EspalierError the errors of `loadAdapter` but ADAPTER_CHANGING
 */
export async function loadContents(
  contents: AdapterContents,
  modules: readonly AdaptableModule[],
  options: Omit<ReadOptions, keyof SourceOptions> & LoadAdapterOptions = {},
): Promise<ReadAdapter> {
  const { weights, fingerprint, embeddings, companions } = options;
  const base = { modules, weights, fingerprint, embeddings };
  const adapter = await readWholeAdapter(contents, { base, options });
  return companions === undefined ? adapter : { ...adapter, companions: await readCompanions(contents) };
}

/** WHY the numbers are checked and hashed before the files are looked at for the last time: that takes a while, in which a writer shows. */
async function read(path: string, base: PeftBase | undefined, options: ReadOptions): Promise<ReadAdapter> {
  const at = await adapterFolder(path);
  const { companions } = options;
  if (companions === undefined) {
    return readStable(at, { ...options, files: peftFiles }, (source) => readWholeAdapter(source, { base, options }));
  }
  const files = { ...peftFiles, ...companions };
  return readStable(at, { ...options, files }, async (source) => {
    const adapter = await readWholeAdapter(source, { base, options });
    return { ...adapter, companions: await readCompanions(source) };
  });
}

/** No tokenizer comes near: the largest have some ten megabytes. */
const maxCompanionBytes = 2 ** 28;

async function readCompanions(source: AdapterContents): Promise<Map<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>();
  for (const name of source.names) {
    if (peftFiles.required.includes(name)) continue;
    const { path, size, ...file } = source.requiredFile(name);
    if (size > maxCompanionBytes) {
      const problem = `it has ${size} bytes, and at most ${maxCompanionBytes} are read`;
      throw new EspalierError('TOKENIZER_INVALID', { path, problem });
    }
    contents.set(name, await file.read(0, size));
  }
  return contents;
}

interface Reading {
  readonly base: PeftBase | undefined;
  readonly options: ReadOptions;
}

async function readWholeAdapter(source: AdapterContents, { base, options }: Reading): Promise<ReadAdapter> {
  const format = await formatOf(source);
  if (format === 'peft') return { format, ...(await toAdapter(await readPeft(source, base))) };
  const file = oneFile(source);
  const structure = await fileStructure(file, format, options);
  // WHY before the numbers are read: a file may declare more than memory can hold.
  if (base !== undefined) checkBase(structure, { path: file.path, modules: base.modules });
  checkFingerprint({ ...structure, path: file.path }, base?.fingerprint);
  const stored = await readWhole(file, { format, options, structure });
  const modules = base ? checkBase(stored, { path: file.path, modules: base.modules }) : stored.modules;
  const adapter = { ...stored, modules };
  const names = namesOfTensors(adapter);
  const digest = await checkedDigest(adapter, (tensor) => `${names.get(tensor)} in ${file.path}`);
  return { format, ...adapter, digest };
}

/** The file of an adapter that is not a folder. */
export function oneFile(source: AdapterContents): AdapterFile {
  const file = source.file();
  if (file !== undefined) return file;
  throw new EspalierError('FILE_NOT_FOUND', { what: 'readable adapter file', path: source.path });
}

function namesOfTensors({ modules }: StoredAdapter): Map<unknown, string> {
  return new Map(
    [...modules].flatMap(([module, { a, b }]) => [
      [a, `A of ${module}`],
      [b, `B of ${module}`],
    ]),
  );
}
