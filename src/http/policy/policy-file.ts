import { publishAdapterEvent } from '../../core/index.ts';
import { type Policy, type PolicySource, readPolicy } from '../../trust/index.ts';
import { SettledFiles } from '../door/settled-files.ts';
import { repeat, systemTimers, type Timers } from '../door/timers.ts';

const lookEveryMs = 1000;

/** Who is asked before a new policy is in force, and who follows it then. */
export interface PolicyFollower {
  /** Rejects if the server cannot keep the policy with what it serves. */
  check(next: Policy, before: Policy): Promise<void>;
  /** Called when the policy is in force. */
  replaced(): Promise<void>;
}

/**
 * The file of a policy. When it has changed, or a file of a key that it names, it is read again as a whole. While it cannot be used, the
 * policy from before stays in force. What becomes of it is told on the channel of adapters.
 */
export class PolicyFile implements PolicySource, Disposable {
  readonly path: string;
  readonly #timers: Timers;
  /** The policy, and every file of a key that it has named. */
  #watched: ReadonlySet<string>;
  #files: SettledFiles;
  #current: Policy;
  #follower: PolicyFollower | undefined;
  #looking: Disposable | undefined;
  #isRefused = false;
  #isDisposed = false;

  /** @throws EspalierError FILE_NOT_FOUND, POLICY_INVALID */
  static async open(path: string, timers: Timers = systemTimers): Promise<PolicyFile> {
    const start = { watched: new Set([path]), files: new SettledFiles([path]) };
    const { read, ...watching } = await readWatched(path, start);
    return new PolicyFile(path, timers, { ...watching, current: await read });
  }

  private constructor(path: string, timers: Timers, { watched, files, current }: Watching & { current: Policy }) {
    this.path = path;
    this.#timers = timers;
    this.#watched = watched;
    this.#files = files;
    this.#current = current;
  }

  get current(): Policy {
    return this.#current;
  }

  /** Whether the file cannot be used as it is now. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Looks at the file every second from now on. */
  follow(follower: PolicyFollower): void {
    this.#follower = follower;
    this.#looking = repeat(this.#timers, lookEveryMs, () => this.look());
  }

  /** Looks whether a file has changed and nobody writes it any more, and takes the policy if it can be used. */
  async look(): Promise<void> {
    if (!(await this.#files.look())) return;
    try {
      const next = await this.#read();
      await this.#follower?.check(next, this.#current);
      if (this.#isDisposed) return;
      this.#current = next;
      this.#isRefused = false;
      const details = { signers: next.signers.length, revoked: next.revoked.size };
      publishAdapterEvent({ event: 'policy', reason: `the policy ${this.path} is in force`, details });
    } catch (error) {
      this.#isRefused = true;
      const reason = `the policy ${this.path} was changed, and the one from before stays in force`;
      return publishAdapterEvent({ event: 'policy', result: 'refused', reason, error });
    }
    await this.#follower?.replaced().catch((error: unknown) => {
      publishAdapterEvent({ event: 'policy', reason: 'what is served could not be asked of the policy', error });
    });
  }

  async #read(): Promise<Policy> {
    const { read, watched, files } = await readWatched(this.path, { watched: this.#watched, files: this.#files });
    this.#watched = watched;
    this.#files = files;
    return read;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#looking?.[Symbol.dispose]();
  }
}

interface Watching {
  readonly watched: ReadonlySet<string>;
  readonly files: SettledFiles;
}

/**
 * Reads a policy whose files are all watched. WHY again where it names further ones: their state must be known before they are read. WHY also
 * where it cannot be used: a file of a key that is missing may come.
 */
async function readWatched(
  path: string,
  { watched, files }: Watching,
): Promise<Watching & { readonly read: Promise<Policy> }> {
  await files.take();
  const named = new Set<string>();
  const read = readPolicy(path, (file) => named.add(file));
  await read.catch(() => undefined);
  if ([...named].every((file) => watched.has(file))) return { watched, files, read };
  const all = new Set([...watched, ...named]);
  return readWatched(path, { watched: all, files: new SettledFiles([...all]) });
}
