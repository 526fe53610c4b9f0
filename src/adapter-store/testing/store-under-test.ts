import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectContents, loadContents, type AdapterContents } from '../../adapter-files/index.ts';
import { onAdapterEvent, type AdapterEvent } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { AdapterStore } from '../adapter-store.ts';
import type { Activation, StoreOptions, StoreUser } from '../store-options.ts';
import type { Authority } from '../../trust/index.ts';
import type { StoredVersion, VerifiedFacts } from '../versions/stored-version.ts';
import { linears, readCopy, versionOf } from './test-adapters.ts';
import { systemFiles } from '../files/store-files.ts';
import { TestTime, until } from './test-time.ts';

/** WHY: what is written there need not be flushed, and a busy disk takes milliseconds for each flush. */
const memoryDisk = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A server that only remembers what it was told. */
export class TestUser implements StoreUser {
  context = 'base-1';
  authority: Authority | undefined;
  readonly serving = new Map<string, StoredVersion>();
  /** What happened, in order: `name=version`, `-name`, `!name`. */
  readonly heard: string[] = [];
  readonly errors = new Map<string, unknown>();
  readonly reads: string[] = [];
  refusal: Error | undefined;
  failure: Error | undefined;
  /** Why no name is taken out of service. */
  keeping: Error | undefined;

  inspect(contents: AdapterContents): Promise<unknown> {
    return inspectContents(contents, linears);
  }

  async readContents(contents: AdapterContents): Promise<Adapter> {
    this.reads.push(contents.path);
    return loadContents(contents, linears);
  }

  async read(path: string): Promise<Adapter> {
    this.reads.push(path);
    return readCopy(path);
  }

  verify(_name: string, { modules }: Adapter): Promise<VerifiedFacts> {
    if (this.refusal) return Promise.reject(this.refusal);
    const [first] = modules.values();
    return Promise.resolve({ rank: first?.rank ?? 0, bytes: 56, isAlone: false, targets: [], kinds: [] });
  }

  async activated(name: string, { version }: Activation): Promise<void> {
    if (this.failure) throw this.failure;
    this.serving.set(name, version);
    this.heard.push(`${name}=${versionOf(await readCopy(version.path))}`);
  }

  withdrawn(name: string): Promise<void> {
    if (this.keeping) return Promise.reject(this.keeping);
    this.serving.delete(name);
    this.heard.push(`-${name}`);
    return Promise.resolve();
  }

  failed(name: string, error: unknown): void {
    this.errors.set(name, error);
    this.heard.push(`!${name}`);
  }
}

/** A store in a folder for temporary files, with a time of its own. */
export class StoreUnderTest implements AsyncDisposable {
  readonly root: string;
  readonly time = new TestTime();
  readonly events: AdapterEvent[] = [];
  readonly #subscription = onAdapterEvent((event) => this.events.push(event));
  user = new TestUser();
  /** Who must vouch for adapters, in the stores that are opened from now on. */
  authority: Authority | undefined;
  #store: AdapterStore | undefined;

  private constructor(root: string) {
    this.root = root;
  }

  static async create(): Promise<StoreUnderTest> {
    return new StoreUnderTest(await mkdtemp(join(memoryDisk, 'espalier-store-')));
  }

  get dir(): string {
    return join(this.root, 'store-dir');
  }

  /** A path in the store. */
  at(...parts: readonly string[]): string {
    return join(this.dir, ...parts);
  }

  incoming(...parts: readonly string[]): string {
    return this.at('incoming', ...parts);
  }

  /** A path on the same disk that the store does not know. */
  get elsewhere(): string {
    return join(this.root, 'elsewhere');
  }

  get store(): AdapterStore {
    if (this.#store === undefined) throw new Error('the store is not open');
    return this.#store;
  }

  async open(options: Partial<StoreOptions> = {}): Promise<AdapterStore> {
    this.user = new TestUser();
    this.user.authority = this.authority;
    this.#store = await AdapterStore.open({
      dir: this.dir,
      companions: { optional: ['tokenizer.json', 'chat_template.jinja'] },
      clock: this.time,
      timers: this.time,
      ...options,
    });
    await this.#store.begin(this.user);
    return this.#store;
  }

  async close(): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]();
    this.#store = undefined;
  }

  async reopen(options: Partial<StoreOptions> = {}): Promise<AdapterStore> {
    await this.close();
    return this.open(options);
  }

  /** Lets time pass until a condition is true. */
  async until(condition: () => boolean | Promise<boolean>, what?: string): Promise<void> {
    await until(async () => {
      this.time.pass(50);
      await this.store.settled();
      return condition();
    }, what);
  }

  /** Lets some time pass, in which the store does what it can. */
  async aWhile(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.time.pass(Math.min(50, ms - passed));
      // What the system tells comes with a turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      await this.store.settled();
    }
  }

  /** Lets so much time pass that whatever waits is done. */
  async rest(): Promise<void> {
    for (const ms of [100, 100, 2000, 2000, 5000, 61_000, 61_000]) {
      this.time.pass(ms);
      // What the system tells comes with a turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      await this.store.settled();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    await this.close();
    await rm(this.root, { recursive: true, force: true }).catch(() => removeReadOnly(this.root));
  }
}

/** The versions of a store cannot be written to, and an ordinary user cannot remove what is in them. */
async function removeReadOnly(root: string): Promise<void> {
  await systemFiles.removeTree(root);
}
