import { join } from 'node:path';
import { isFile } from '../../core/index.ts';
import { type DiskCalls, onDisk } from '../../native/index.ts';

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

/** Called with each folder that is no adapter's, or that keeps its adapter, before it is listed, so that no change in it is missed. */
type OnFolder = (path: string) => unknown;

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
  const wanted = only && [...only].filter((name) => !isIgnored(name));
  const found = (await onDisk('entriesIn', incoming, wanted)).filter(({ name }) => !isIgnored(name));
  const folders = found.flatMap(({ name, kind }) => (kind === 'folder' ? [join(incoming, name)] : []));
  const insideOf = await listed(folders, onFolder);
  for (const { name, kind } of found) {
    const path = join(incoming, name);
    const inside = insideOf.get(path);
    if (inside !== undefined) entries.push(...(await entriesAt(path, { name, inside }, onFolder)));
    else entries.push({ name: name.replace(formatEndings, ''), path, isLink: kind === 'link' });
  }
  return entries;
}

type Inside = ReturnType<DiskCalls['insideOf']>[number];

/** What is in folders. WHY twice for those that are no adapter's: they are watched from then on, and may have changed before. */
async function listed(folders: readonly string[], onFolder: OnFolder): Promise<Map<string, Inside>> {
  const first = await onDisk('insideOf', folders);
  const found = new Map(folders.map((folder, index) => [folder, first[index] ?? []]));
  const isTaken = (inside: Inside): boolean => isAdapterFolder(inside) && !isVolumeFolder(inside);
  const others = folders.filter((folder) => !isTaken(found.get(folder) ?? []));
  if (others.length === 0) return found;
  for (const folder of others) onFolder(folder);
  const second = await onDisk('insideOf', others);
  for (const [index, folder] of others.entries()) found.set(folder, second[index] ?? []);
  return found;
}

/** Whether Kubernetes keeps the files of a folder: it exchanges the link `..data` in it. */
function isVolumeFolder(inside: Inside): boolean {
  return inside.some(({ name, kind }) => name === '..data' && kind === 'link');
}

function isAdapterFolder(inside: Inside): boolean {
  return inside.some(({ name }) => adapterFile.test(name));
}

/** A folder as an entry, or the entries in a folder that is the first part of their names. */
async function entriesAt(
  path: string,
  { name, inside }: { readonly name: string; readonly inside: Inside },
  onFolder: OnFolder,
): Promise<Entry[]> {
  const isFolderOfNames = !isAdapterFolder(inside);
  const inner: Entry[] = [];
  for (const entry of isFolderOfNames ? inside : []) {
    if (isIgnored(entry.name) || checkpoint.test(entry.name)) continue;
    const place = join(path, entry.name);
    if (entry.kind === 'folder') onFolder(place);
    if (!(await isFile(join(place, 'adapter_config.json'))) && !formatEndings.test(entry.name)) continue;
    const isLink = entry.kind === 'link' || (await isVolume(place));
    inner.push({ name: `${name}/${entry.name.replace(formatEndings, '')}`, path: place, isLink });
  }
  if (inner.length > 0) return inner;
  const isFilled = inside.some(
    (entry) => !isIgnored(entry.name) && (entry.kind !== 'folder' || checkpoint.test(entry.name)),
  );
  return isFilled ? [{ name, path, isLink: isVolumeFolder(inside) }] : [];
}

const adapterFile = /^adapter_(?:config|model)/;

async function isVolume(path: string): Promise<boolean> {
  return (await onDisk('kindAt', join(path, '..data'))) === 'link';
}
