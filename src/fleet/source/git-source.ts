import { mkdir, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { EspalierError, messageOf } from '../../core/index.ts';
import { maxManifestBytes } from '../manifest/read-manifest.ts';
import type { FleetSource, OpenedPath, OpenOptions, SourceState } from './fleet-source.ts';
import { type SourceAddress, withoutSecrets } from './parse-source.ts';
import { type GitOptions, reasonOf, runGit } from './run-git.ts';
import type { ProgramAnswer } from './run-program.ts';
import { openSigners, type Signers } from './signers.ts';
import { verifyCommit } from './verify-commit.ts';

export interface GitSourceOptions {
  readonly address: Extract<SourceAddress, { readonly kind: 'git' }>;
  /** The folder of the bare repository. It may be removed at any time. */
  readonly cache: string;
  /** Default: the branch to which the repository's HEAD points. */
  readonly branch?: string | undefined;
  /** A file or a folder that says whose keys may sign, see readSignerLists. undefined: commits need no signature. */
  readonly signers?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** The clock by which SSH keys of the list of signers have a time. Default: that of the machine. */
  readonly now?: (() => number) | undefined;
}

const seen = 'refs/espalier/fleet';

/** A fleet in a Git repository, through the git of the machine. */
export class GitSource implements FleetSource {
  readonly description: string;
  readonly #options: GitSourceOptions;
  readonly #timeoutMs: number;

  constructor(options: GitSourceOptions) {
    const { url, folder } = options.address;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.description = `${withoutSecrets(url)}${folder === '' ? '' : `#${folder}`}`;
  }

  async look(signal: AbortSignal): Promise<SourceState> {
    const { cache, branch, address } = this.#options;
    const name = branch === undefined ? 'HEAD' : `refs/heads/${branch}`;
    try {
      await this.#createCache(signal);
      const protocol = address.scheme;
      const words = ['fetch', '--depth=1', '--no-tags', '--force', '--quiet', '--no-write-fetch-head'];
      const fetched = await this.#git([...words, '--', address.url, `+${name}:${seen}`], { signal, protocol });
      if (fetched.code !== 0) throw new Error(reasonOf(fetched.stderr).replaceAll(address.url, this.description));
      return await this.#describe(signal);
    } catch (error) {
      signal.throwIfAborted();
      // WHY: a cache that a crash has damaged is made anew at the next look.
      if (!(await isRepository(cache))) await rm(cache, { recursive: true, force: true });
      throw new EspalierError(
        'FLEET_SOURCE_UNREACHABLE',
        { source: this.description, problem: messageOf(error) },
        { cause: error },
      );
    }
  }

  async #createCache(signal: AbortSignal): Promise<void> {
    const { cache } = this.#options;
    if (await isRepository(cache)) return;
    await mkdir(cache, { recursive: true, mode: 0o700 });
    const made = await this.#git(['init', '--bare', '--quiet', '--template=', cache], { signal });
    if (made.code !== 0) throw new Error(reasonOf(made.stderr));
  }

  async #describe(signal: AbortSignal): Promise<SourceState> {
    const shown = await this.#git(['log', '-1', '--no-show-signature', '--format=%H%x00%an%x00%ct%x00%s', seen], {
      signal,
    });
    const [commit = '', author = '', seconds = '', subject = ''] = shown.stdout.trimEnd().split('\0');
    if (shown.code !== 0 || !/^[\da-f]{40,64}$/.test(commit)) throw new Error(reasonOf(shown.stderr));
    return { commit, author: plainText(author), subject: plainText(subject), time: Number(seconds) * 1000 };
  }

  async read({ commit }: SourceState, signal: AbortSignal): Promise<string> {
    await this.#verify(commit, signal);
    const file = posix.join(this.#options.address.folder, 'fleet.yaml');
    const problem = (words: string): EspalierError =>
      new EspalierError('FLEET_INVALID', { place: file, problem: words });
    // WHY twice the size: what is a little too large is told by the reader of manifests, with its size.
    const read = { signal, maxBytes: 2 * maxManifestBytes };
    const text = await this.#git(['cat-file', 'blob', `${commit}:${file}`], read).catch((error: unknown) => {
      signal.throwIfAborted();
      throw problem(messageOf(error));
    });
    if (text.code !== 0) throw problem('the commit has no such file');
    return text.stdout;
  }

  /**
   * Checks that the list of signers can be used, if there is one.
   * @throws EspalierError FLEET_SIGNERS_INVALID
   */
  async assertSigners(signal: AbortSignal): Promise<void> {
    const { signers } = this.#options;
    if (signers === undefined) return;
    const opened = await this.#openSigners(signers, signal);
    await opened[Symbol.asyncDispose]();
  }

  async #verify(commit: string, signal: AbortSignal): Promise<void> {
    const { signers: path } = this.#options;
    if (path === undefined) return;
    // WHY each time: a key that is taken out of the list signs nothing any more, without a restart.
    await using signers = await this.#openSigners(path, signal);
    await verifyCommit(commit, { signers, git: (words, env = {}) => this.#git(words, { signal, env }) });
  }

  #openSigners(path: string, signal: AbortSignal): Promise<Signers> {
    const { cache, now = Date.now } = this.#options;
    return openSigners(path, { folder: `${cache}-signers`, timeoutMs: this.#timeoutMs, now, signal });
  }

  async open(path: string, { state, staging, signal }: OpenOptions): Promise<OpenedPath | undefined> {
    const place = posix.join(this.#options.address.folder, path);
    const found = await this.#git(['cat-file', '-e', `${state.commit}:${place}`], { signal });
    if (found.code !== 0) return undefined;
    const folder = await mkdtemp(join(staging, 'fleet-'));
    const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
    try {
      const tree = join(folder, 'tree');
      await mkdir(tree);
      const env = {
        GIT_INDEX_FILE: join(folder, 'index'),
        // WHY: filters of the machine's own settings would run programs on what a commit holds.
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_LITERAL_PATHSPECS: '1',
      };
      const words = [`--work-tree=${tree}`, 'checkout', '--quiet', '--force', state.commit, '--', place];
      const taken = await this.#git(words, { signal, env });
      if (taken.code !== 0) throw new Error(reasonOf(taken.stderr));
      const real = await realpath(join(tree, place));
      if (!real.startsWith((await realpath(tree)) + sep)) throw new Error(`${path} leads out of the repository`);
      return { path: real, [Symbol.asyncDispose]: remove };
    } catch (error) {
      await remove();
      throw error;
    }
  }

  #git(
    words: readonly string[],
    options: Pick<GitOptions, 'signal' | 'protocol' | 'maxBytes'> & { readonly env?: Readonly<Record<string, string>> },
  ): Promise<ProgramAnswer> {
    return runGit(words, { gitDir: this.#options.cache, timeoutMs: this.#timeoutMs, ...options });
  }
}

async function isRepository(path: string): Promise<boolean> {
  const found = await Promise.all(
    ['HEAD', 'objects', 'refs'].map((part) => stat(join(path, part)).catch(() => undefined)),
  );
  return found.every((part) => part !== undefined);
}

/** WHY: an author writes what he likes, and it is shown on terminals. */
function plainText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 200);
}
