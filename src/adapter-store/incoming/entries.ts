import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFile } from '../../core/index.ts';

/** Something in `incoming` that may be an adapter. */
export interface Entry {
  /** The name under which it is to be served. */
  readonly name: string;
  readonly path: string;
  /** A link is never removed, since what it leads to belongs to somebody else. */
  readonly isLink: boolean;
}

const formatEndings = /\.(?:onnx_adapter|bin|gguf|safetensors)$/;

/** Names by which programs call what they have not finished, what they hide, and lists of checksums with their signatures. */
const ignored = [
  /^\./, // hidden files, Kubernetes' `..data`, and `.name.XXXXXX` of rsync
  /~$/,
  /\.(?:tmp|temp|part|partial|filepart|crdownload|download|swp|swx|lock)$/i,
  /\.(?:sha256|minisig|sig)$/,
  /^(?:SHA256SUMS|manifest\.json)$/,
];

export function isIgnored(name: string): boolean {
  return ignored.some((pattern) => pattern.test(name));
}

/** WHY: a training leaves folders of this name, which are not adapters of a publisher. */
const checkpoint = /^checkpoint-\d+$/;

/** Called with each folder before it is listed, so that no change in it is missed. */
type OnFolder = (path: string) => void;

/**
 * Lists what lies in `incoming`: folders under their names, files under their names without the ending, and adapters inside a folder that
 * is none itself under both names, as `org/name`. Folders without a file are left out: they may be the first part of such a name, or
 * about to be filled.
 *
 * @param only  the names in `incoming` that are looked at; undefined: all
 */
export async function listEntries(
  incoming: string,
  {
    onFolder = () => undefined,
    only,
  }: { readonly onFolder?: OnFolder; readonly only?: ReadonlySet<string> | undefined } = {},
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of only ?? (await readdir(incoming))) {
    if (isIgnored(name)) continue;
    const path = join(incoming, name);
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined) continue;
    if (found.isDirectory()) entries.push(...(await entriesAt(path, name, onFolder)));
    else entries.push({ name: name.replace(formatEndings, ''), path, isLink: found.isSymbolicLink() });
  }
  return entries;
}

/** A folder as an entry, or the entries in a folder that is the first part of their names. */
async function entriesAt(path: string, name: string, onFolder: OnFolder): Promise<Entry[]> {
  onFolder(path);
  const inside = await readdir(path, { withFileTypes: true }).catch(() => []);
  const isFolderOfNames = !inside.some((entry) => adapterFile.test(entry.name));
  const inner: Entry[] = [];
  for (const entry of isFolderOfNames ? inside : []) {
    if (isIgnored(entry.name) || checkpoint.test(entry.name)) continue;
    const place = join(path, entry.name);
    if (entry.isDirectory()) onFolder(place);
    if (!(await isFile(join(place, 'adapter_config.json'))) && !formatEndings.test(entry.name)) continue;
    const isLink = entry.isSymbolicLink() || (await isVolume(place));
    inner.push({ name: `${name}/${entry.name.replace(formatEndings, '')}`, path: place, isLink });
  }
  if (inner.length > 0) return inner;
  const isFilled = inside.some(
    (entry) => !isIgnored(entry.name) && (!entry.isDirectory() || checkpoint.test(entry.name)),
  );
  const isLink = inside.some((entry) => entry.name === '..data' && entry.isSymbolicLink());
  return isFilled ? [{ name, path, isLink }] : [];
}

const adapterFile = /^adapter_(?:config|model)/;

/** Whether Kubernetes keeps the files of a folder: it exchanges the link `..data` in it. */
async function isVolume(path: string): Promise<boolean> {
  return lstat(join(path, '..data')).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}
