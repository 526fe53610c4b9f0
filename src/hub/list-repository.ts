import { EspalierError, messageOf } from '../core/index.ts';
import { createHubFetch, type HubFetchOptions } from './hub-fetch.ts';
import type { Repository, RepositoryFile } from './repository.ts';

/** No model has as many files. The limit stops an endless listing before it fills the memory. */
const maxFiles = 100_000;

/**
 * Asks the hub to which commit a revision resolves, and which files the commit contains.
 * @throws EspalierError HUB_*; HUB_RESPONSE_INVALID for a listing that cannot be trusted
 */
export async function listRepository(options: HubFetchOptions): Promise<Repository> {
  // WHY a dynamic import: most commands never use the hub.
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  const { reference, settings } = options;
  const { name, revision } = reference;
  const asking = { hubUrl: settings.endpoint, fetch: createHubFetch(options) };
  const invalid = (reason: string): EspalierError =>
    new EspalierError('HUB_RESPONSE_INVALID', { endpoint: settings.endpoint, name, reason });
  try {
    const { sha: commit } = await modelInfo({ ...asking, name, revision, additionalFields: ['sha'] });
    if (!isHex(commit, 40)) throw invalid(`its commit is ${JSON.stringify(commit)}`);
    const files = new Map<string, RepositoryFile>();
    for await (const entry of listFiles({
      ...asking,
      repo: { type: 'model', name },
      revision: commit,
      recursive: true,
    })) {
      if (typeof entry !== 'object' || entry === null) throw invalid('its listing is none');
      if (entry.type !== 'file') continue;
      const file = readEntry(entry, invalid);
      if (files.has(file.path)) throw invalid(`it lists the file ${file.path} twice`);
      if (files.size === maxFiles) throw invalid(`it lists more than ${maxFiles} files`);
      files.set(file.path, file);
    }
    return { name, commit, files: [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)) };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (EspalierError.isInstance(error)) throw error;
    throw invalid(messageOf(error));
  }
}

interface ListedFile {
  readonly path: string;
  readonly size: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
}

/** Checks one entry. Its path and its checksum become paths on the local disk. */
function readEntry(entry: ListedFile, invalid: (reason: string) => EspalierError): RepositoryFile {
  const { path, oid } = entry;
  const lfs = entry.lfs ?? undefined;
  const size = lfs?.size ?? entry.size;
  const problem = whyNotPath(path);
  if (problem !== undefined) throw invalid(`it lists the file ${JSON.stringify(path)}, and ${problem}`);
  if (!Number.isSafeInteger(size) || size < 0) throw invalid(`${path} is said to have ${size} bytes`);
  if (lfs !== undefined) {
    if (!isHex(lfs.oid, 64)) throw invalid(`${path} has the sha256 ${JSON.stringify(lfs.oid)}`);
    return { path, size, digest: { kind: 'sha256', hex: lfs.oid } };
  }
  if (!isHex(oid, 40)) throw invalid(`${path} has the sha1 ${JSON.stringify(oid)}`);
  return { path, size, digest: { kind: 'git-sha1', hex: oid } };
}

/** Applies the rules of all operating systems, since several of them may read the disk of one cache. */
function whyNotPath(path: unknown): string | undefined {
  if (typeof path !== 'string' || path === '') return 'that is no path';
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'a part of it is empty or dots';
  // oxlint-disable-next-line no-control-regex
  if (/[\\:\u0000-\u001f]/.test(path)) return 'it holds a backslash, a colon or a control character';
  return undefined;
}

function isHex(text: unknown, length: number): text is string {
  return typeof text === 'string' && text.length === length && /^[0-9a-f]+$/.test(text);
}
