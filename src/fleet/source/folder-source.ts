import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { EspalierError, messageOf } from '../../core/index.ts';
import { maxManifestBytes } from '../manifest/read-manifest.ts';
import type { FleetSource, OpenedPath, OpenOptions, SourceState } from './fleet-source.ts';

/**
 * A fleet in a folder that somebody else keeps: Flux, Argo CD, git-sync or a mounted volume. Links are followed at each look, so that the
 * exchange of a link (`..data` of a volume, the worktree of git-sync) brings another state as a whole.
 */
export class FolderSource implements FleetSource {
  readonly description: string;
  readonly #path: string;
  readonly #folder: string;
  /** What was read at the last look, by its name. */
  #last: { readonly commit: string; readonly text: string; readonly root: string } | undefined;

  constructor(path: string, folder = '') {
    this.#path = path;
    this.#folder = folder;
    this.description = `${path}${folder === '' ? '' : `#${folder}`}`;
  }

  async look(signal: AbortSignal): Promise<SourceState> {
    signal.throwIfAborted();
    try {
      const repository = await realpath(this.#path);
      const file = await realpath(join(repository, this.#folder, 'fleet.yaml'));
      const { size, mtimeMs } = await stat(file);
      // WHY a larger limit: a manifest that is too large has to be named as a state that was refused.
      if (size > 16 * maxManifestBytes) throw new Error(`fleet.yaml has ${size} bytes`);
      const text = await readFile(file, 'utf8');
      const hash = createHash('sha256').update(text).digest('hex');
      // WHY: git-sync names the folder of a state by its commit. Elsewhere the text itself names it.
      const named = basename(repository);
      const commit = /^[\da-f]{40}([\da-f]{24})?$/.test(named) ? named : `sha256-${hash}`;
      this.#last = { commit, text, root: dirname(file) };
      return { commit, time: mtimeMs };
    } catch (error) {
      const problem = messageOf(error);
      throw new EspalierError('FLEET_SOURCE_UNREACHABLE', { source: this.description, problem }, { cause: error });
    }
  }

  async read({ commit }: SourceState): Promise<string> {
    if (this.#last?.commit === commit) return this.#last.text;
    const problem = 'it has changed meanwhile';
    throw new EspalierError('FLEET_SOURCE_UNREACHABLE', { source: this.description, problem });
  }

  async open(path: string, { state }: OpenOptions): Promise<OpenedPath | undefined> {
    if (this.#last?.commit !== state.commit) return undefined;
    return openInFolder(this.#last.root, path);
  }
}

/** What lies at a path below a folder. Links may lead about inside of it, and not out. */
export async function openInFolder(folder: string, path: string): Promise<OpenedPath | undefined> {
  const real = await realpath(join(folder, path)).catch(() => undefined);
  const root = await realpath(folder).catch(() => undefined);
  if (real === undefined || root === undefined || !real.startsWith(root + sep)) return undefined;
  return { path: real, [Symbol.asyncDispose]: () => Promise.resolve() };
}
