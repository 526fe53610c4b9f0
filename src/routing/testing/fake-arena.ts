import { breathe } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import type { AdapterArena, AdapterFacts, HostWeights, Shard } from '../registry/adapter-arena.ts';
import type { AdapterSource, SourcedAdapter } from '../registry/adapter-source.ts';
import type { AdoptedVersion } from '../registry/known-version.ts';

/** An adapter that no arena double looks into: its digest is its content, and its rank the digest's length. */
export function adapterOf(digest: string): Adapter {
  return {
    config: { rank: digest.length, alpha: 1, dropout: 0, targetModules: [] },
    modules: new Map(),
    baseName: undefined,
    digest,
  };
}

/** Adapters whose tensors nobody may read any more. */
const released = new WeakSet<Adapter>();

/** Files of an adapter, which can be overwritten, and which know how often they were read, and for how many readings memory was given back. */
export class FakeFiles implements AdapterSource {
  readonly path: string;
  content: string | Error;
  reads = 0;
  releases = 0;

  constructor(path: string, content: string | Error = path) {
    this.path = path;
    this.content = content;
  }

  async read(): Promise<SourcedAdapter> {
    this.reads++;
    await breathe();
    if (this.content instanceof Error) throw this.content;
    const adapter = {
      ...adapterOf(this.content),
      release: () => {
        if (released.has(adapter)) throw new TypeError(`${this.path} was released twice`);
        released.add(adapter);
        this.releases++;
      },
    };
    return adapter;
  }
}

/** What a store that has verified the files knows of them. */
export function knownOf(source: FakeFiles, facts: Partial<AdoptedVersion> = {}): AdoptedVersion {
  const digest = typeof source.content === 'string' ? source.content : source.path;
  const { length } = digest;
  return {
    digest,
    rank: length,
    bytes: length,
    isAlone: false,
    base: undefined,
    fingerprint: undefined,
    path: source.path,
    source,
    ...facts,
  };
}

/** Weights that detect a use after their release. */
export class FakeWeights implements HostWeights {
  readonly digest: string;
  readonly bytes: number;
  isDisposed = false;

  constructor(digest: string) {
    this.digest = digest;
    this.bytes = digest.length;
  }

  shards(): Shard[] {
    const { bytes } = this;
    return [{ tensor: this.digest, fileOffset: 8, address: 0x7f00n, bytes, alignedBytes: bytes + 1 }];
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

/** An arena whose adapters take a byte of host memory for each letter of their digest. */
export class FakeArena implements AdapterArena<FakeWeights> {
  /** All that were ever prepared. */
  readonly prepared: FakeWeights[] = [];
  readonly forgotten: string[] = [];
  failure: Error | undefined;
  refusal: Error | undefined;

  check(_name: string, adapter: Adapter): AdapterFacts {
    assertReadable(adapter);
    if (this.refusal) throw this.refusal;
    const { digest } = adapter;
    return { rank: digest.length, bytes: digest.length, isAlone: false };
  }

  async prepare(_name: string, adapter: Adapter): Promise<FakeWeights> {
    await breathe();
    assertReadable(adapter);
    if (this.failure) throw this.failure;
    const weights = new FakeWeights(adapter.digest);
    this.prepared.push(weights);
    return weights;
  }

  forget(digest: string): void {
    this.forgotten.push(digest);
  }

  /** Bytes that have not been released. */
  get alive(): number {
    return this.prepared.reduce((sum, { bytes, isDisposed }) => sum + (isDisposed ? 0 : bytes), 0);
  }
}

function assertReadable(adapter: Adapter): void {
  if (released.has(adapter)) throw new TypeError(`${adapter.digest} was read after its release`);
}
