import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { EspalierError } from '../core/index.ts';

/** What is written in the place of an old folder with the same. */
export interface Replacement {
  readonly kind: 'adapter' | 'model' | 'checkpoint';
  /** A file or folder from which the new folder is made: the base of a new model. It is never replaced. */
  readonly source?: string | undefined;
}

/** Every folder of the kind contains this file. */
const marks = { adapter: 'adapter_config.json', model: 'config.json', checkpoint: 'index.msgpack' };

/** The folder of a checkpoint in which its adapter is. */
export const adapterOfCheckpoint = 'adapter';

/** Files that belong to the kind: weights, and what programs write beside them. */
const ownFiles = {
  adapter:
    /^(?:adapter_config\.json|adapter_model\.(?:safetensors|bin)|(?:training-)?metrics\.jsonl|training_args\.bin|(?:tokenizer|special_tokens_map|added_tokens|vocab).*|merges\.txt|chat_template\..*|README\.md|\.gitattributes)$/,
  checkpoint: /^(?:index\.msgpack|[\w-]+\.(?:bin|jsonl))$/,
  model:
    /\.(?:json|txt|model|jinja|safetensors|bin|onnx|onnx_data)$|^(?:(?:training-)?metrics\.jsonl|README\.md|LICEN[CS]E.*|NOTICE.*|USE_POLICY\.md|\.gitattributes)$/,
};

/**
 * Refuses to replace a folder if anything but an old version would be lost. An adapter replaces only an adapter, a model only a model.
 * WHY every name is looked at: the whole folder is removed. A mistyped path may name the base, or a folder of other work that has a
 * `config.json` too, and rows may lie beside the adapter.
 *
 * @throws EspalierError OUTPUT_NOT_OURS unless the path is free, or names an empty folder or one with files of this kind alone
 */
export async function assertReplaceable(path: string, { kind, source }: Replacement): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  const reason = found.isDirectory()
    ? ((await strangeContent(path, kind)) ?? (await holdsSource(path, source)))
    : 'it is no folder';
  if (reason !== undefined) throw new EspalierError('OUTPUT_NOT_OURS', { path, kind, reason });
}

async function strangeContent(path: string, kind: Replacement['kind']): Promise<string | undefined> {
  const entries = await readdir(path, { withFileTypes: true });
  if (entries.length === 0) return undefined;
  if (!entries.some(({ name }) => name === marks[kind])) return `its folder has no ${marks[kind]}`;
  for (const entry of entries) {
    const isOwn = entry.isDirectory() ? await isOwnFolder(path, entry.name, kind) : ownFiles[kind].test(entry.name);
    if (!isOwn) return `its folder also has ${entry.name}`;
  }
  return undefined;
}

async function isOwnFolder(path: string, name: string, kind: Replacement['kind']): Promise<boolean> {
  const isAdapter = kind === 'checkpoint' && name === adapterOfCheckpoint;
  return isAdapter ? (await strangeContent(join(path, name), 'adapter')) === undefined : holdsTemplates(path, name);
}

/** Whether a folder is the one of a tokenizer's further chat templates, with nothing else in it. */
async function holdsTemplates(path: string, name: string): Promise<boolean> {
  if (name !== 'additional_chat_templates') return false;
  const entries = await readdir(join(path, name), { withFileTypes: true });
  return entries.every((entry) => entry.isFile() && entry.name.endsWith('.jinja'));
}

async function holdsSource(path: string, source: string | undefined): Promise<string | undefined> {
  if (source === undefined) return undefined;
  const [place, kept] = await Promise.all([realpath(path), realpath(source)]);
  return kept === place || kept.startsWith(`${place}${sep}`) ? 'the new one is made from it' : undefined;
}
