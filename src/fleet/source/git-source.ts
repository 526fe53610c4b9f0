import { mkdir, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { type Clock, EspalierError, messageOf, systemClock, systemTimers, type Timers } from '../../core/index.ts';
import { maxManifestBytes } from '../manifest/read-manifest.ts';
import { type Answered, askAgain } from './ask-again.ts';
import { clearCache } from './clear-cache.ts';
import type { FleetSource, OpenedPath, OpenOptions, SourceState } from './fleet-source.ts';
import { type SourceAddress, withoutSecrets } from './parse-source.ts';
import { type GitOptions, reasonOf, runGit } from './run-git.ts';
import type { ProgramAnswer } from './run-program.ts';
import { openSigners, type Signers } from './signers.ts';
import { verifyCommit } from './verify-commit.ts';
import { watchFetch } from './watch-fetch.ts';

export interface GitSourceOptions {
  readonly address: Extract<SourceAddress, { readonly kind: 'git' }>;
  /** The folder of the bare repository. It may be removed at any time. */
  readonly cache: string;
  /** Default: the branch to which the repository's HEAD points. */
  readonly branch?: string | undefined;
  /** A file or a folder that says whose keys may sign, see readSignerLists. undefined: commits need no signature. */
  readonly signers?: string | undefined;
  /** How long the repository may take to say which commit it has. It is asked again meanwhile. Default: a minute. */
  readonly answerMs?: number | undefined;
  /** Monotonic time, and who calls later. Default: those of the system. */
  readonly clock?: Clock | undefined;
  readonly timers?: Timers | undefined;
  /** The clock by which SSH keys of the list of signers have a time. Default: that of the machine. */
  readonly now?: (() => number) | undefined;
}

const seen = 'refs/espalier/fleet';

/** For what git and its programs do on this machine. */
const localMs = 60_000;
/** How long an answer may take before it is asked again: between these, longer than the last one took where that lies between them. */
const [leastAgainMs, mostAgainMs] = [2000, 4000];
/** Without a sign for so long, a fetch is looked after, and for so long, it is ended. */
const [quietMs, silenceMs] = [3000, 120_000];

/** A fleet in a Git repository, through the git of the machine. */
export class GitSource implements FleetSource {
  readonly description: string;
  readonly #options: GitSourceOptions;
  readonly #answerMs: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #tookMs = 0;
  /** Whether locks of a git that was ended may lie in the cache. WHY at first: it may have been another process's. */
  #mayBeLocked = true;

  constructor(options: GitSourceOptions) {
    const { url, folder } = options.address;
    this.#options = options;
    this.#answerMs = options.answerMs ?? 60_000;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.description = `${withoutSecrets(url)}${folder === '' ? '' : `#${folder}`}`;
  }

  async look(signal: AbortSignal): Promise<SourceState> {
    const { cache } = this.#options;
    try {
      await this.#createCache(signal);
      const { answer } = await this.#ask(signal);
      const known = await this.#describe(signal).catch(() => undefined);
      signal.throwIfAborted();
      if (known?.commit === answer) return known;
      await this.#fetch(signal);
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

  /** The branch that is followed, as the repository names it. */
  get #name(): string {
    const { branch } = this.#options;
    return branch === undefined ? 'HEAD' : `refs/heads/${branch}`;
  }

  /** Asks which commit the repository has, and again while it is silent. */
  async #ask(signal: AbortSignal): Promise<Answered<string>> {
    const { address } = this.#options;
    const answered = await askAgain(
      async (ending) => {
        const told = await this.#git(['ls-remote', '--quiet', '--', address.url, this.#name], {
          signal: ending,
          protocol: address.scheme,
          timeoutMs: undefined,
        });
        if (told.code !== 0) throw this.#problemOf(told);
        const lines = told.stdout.split('\n').map((line) => line.split('\t'));
        const [commit] = lines.find(([, name]) => name === this.#name) ?? [];
        if (commit === undefined) throw new Error(`it has no ${this.#name}`);
        return commit;
      },
      {
        againMs: Math.min(Math.max(leastAgainMs, 1.5 * this.#tookMs), mostAgainMs, this.#answerMs / 2),
        limitMs: this.#answerMs,
        clock: this.#clock,
        timers: this.#timers,
        signal,
      },
    );
    this.#tookMs = answered.tookMs;
    return answered;
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { address, cache } = this.#options;
    const words = ['fetch', '--depth=1', '--no-tags', '--force', '--progress', '--no-write-fetch-head'];
    const fetched = await watchFetch({
      fetch: async (ending, onSign) => {
        if (this.#mayBeLocked) await clearCache(cache);
        this.#mayBeLocked = true;
        const options = { signal: ending, protocol: address.scheme, timeoutMs: undefined, onSign };
        return this.#git([...words, '--', address.url, `+${this.#name}:${seen}`], options);
      },
      ask: async (asking) => (await this.#ask(asking)).asked,
      quietMs,
      lostMs: this.#answerMs,
      silenceMs,
      clock: this.#clock,
      timers: this.#timers,
      signal,
    });
    if (fetched.code !== 0) throw this.#problemOf(fetched);
    this.#mayBeLocked = false;
  }

  #problemOf({ stderr }: ProgramAnswer): Error {
    return new Error(reasonOf(stderr).replaceAll(this.#options.address.url, this.description));
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
    return openSigners(path, { folder: `${cache}-signers`, timeoutMs: localMs, now, signal });
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
    options: Omit<GitOptions, 'gitDir' | 'timeoutMs'> & Partial<Pick<GitOptions, 'timeoutMs'>>,
  ): Promise<ProgramAnswer> {
    return runGit(words, { gitDir: this.#options.cache, timeoutMs: localMs, ...options });
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
