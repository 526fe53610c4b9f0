import { basename, join } from 'node:path';
import type { AdapterFiles, OpenSourceOptions } from '../../adapter-files/index.ts';
import { maxListBytes, readLists, type SignedList, withSignatures } from '../../trust/index.ts';

/** The checksums that came with an adapter. */
export interface Checksums {
  /** The file that has them. */
  readonly file: string;
  /** Changes whenever that file does. */
  readonly stamp: string;
  /** SHA-256 in hexadecimal, by the name of the file in the adapter's folder. */
  readonly sums: ReadonlyMap<string, string>;
  /** The file as it was read, with its signature if there is one. */
  readonly list: SignedList;
}

/** The names of lists in an adapter's folder. */
export const checksumFiles = ['SHA256SUMS', 'manifest.json'];

/** What the name of a list has behind that of the adapter's only file. */
const besideFile = '.sha256';

/** The files that `readChecksums` needs to have been read when an adapter was opened. */
export const filesOfLists: NonNullable<OpenSourceOptions['small']> = {
  inside: checksumFiles.flatMap(withSignatures),
  beside: withSignatures(besideFile),
  most: maxListBytes,
};

/**
 * The checksums of an adapter: `SHA256SUMS` or `manifest.json` in its folder, or `<file>.sha256` beside its file. One that
 * is signed comes before one that is not.
 *
 * @param source  opened with `filesOfLists`
 * @returns undefined if there is no list that can be read
 */
export async function readChecksums({
  path,
  isFolder,
  small,
}: Pick<AdapterFiles, 'path' | 'isFolder' | 'small'>): Promise<Checksums | undefined> {
  const files = isFolder ? checksumFiles.map((name) => join(path, name)) : [`${path}${besideFile}`];
  for (const list of await readLists(files, async (paths) => paths.map((each) => small.get(each)))) {
    const text = Buffer.from(list.bytes).toString('utf8');
    const sums = list.file.endsWith('.json') ? parseManifest(text) : parseSums(text, basename(path));
    if (sums && sums.size > 0) return { file: list.path, stamp: list.stamp, sums, list };
  }
  return undefined;
}

const sum = /^[0-9a-f]{64}$/i;

/**
 * The lines of `sha256sum`: a hash, two spaces or a space and a star, a name. A hash alone is that of the only file.
 * @returns undefined if a line is none of these: the list may not be complete yet
 */
export function parseSums(text: string, onlyFile: string): ReadonlyMap<string, string> | undefined {
  const sums = new Map<string, string>();
  for (const line of text.split(/\r?\n/).filter((each) => each.trim() !== '')) {
    const match = /^(?<hash>[0-9a-f]{64})(?: [ *](?<name>.+))?$/i.exec(line);
    const hash = match?.groups?.['hash'];
    if (hash === undefined) return undefined;
    sums.set((match?.groups?.['name'] ?? onlyFile).replace(/^\.\//, ''), hash.toLowerCase());
  }
  return sums;
}

/**
 * `{"files": {"name": "sha256"}}`, or `{"files": [{"path": "name", "sha256": "…"}]}`.
 * @returns undefined for any other content
 */
export function parseManifest(text: string): ReadonlyMap<string, string> | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  const files = field(content, 'files');
  if (typeof files !== 'object' || files === null) return undefined;
  const pairs: (readonly [unknown, unknown])[] = Array.isArray(files)
    ? files.map((each: unknown) => [field(each, 'path'), field(each, 'sha256')] as const)
    : Object.entries(files);
  const sums = new Map<string, string>();
  for (const [name, hash] of pairs) {
    if (typeof name !== 'string' || typeof hash !== 'string' || !sum.test(hash)) return undefined;
    sums.set(name.replace(/^\.\//, ''), hash.toLowerCase());
  }
  return sums;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
