import { join, relative } from 'node:path';
import { EspalierError, publishAdapterEvent, systemClock } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import type { Layout } from '../files/layout.ts';
import type { StoreFiles } from '../files/store-files.ts';
import { Budget } from '../incoming/budget.ts';
import type { OpenEntry } from '../incoming/look-at-entry.ts';
import { signerDetails } from '../signer-details.ts';
import type { StoreUser } from '../store-options.ts';
import type { SignatureFolder } from './signature-folder.ts';
import { stageVersion, type StagedVersion } from './stage-version.ts';
import type { StoredVersion } from './stored-version.ts';
import type { VersionFolder } from './version-folder.ts';

export interface VersionMakerOptions<Read extends Adapter> {
  readonly layout: Layout;
  readonly files: StoreFiles;
  readonly versions: VersionFolder;
  readonly user: StoreUser<Read>;
  readonly signatures: SignatureFolder;
  readonly now: () => number;
}

/** Bytes of the versions that are verified again at once. */
const bytesAtOnce = 2 ** 28;

/** Makes versions of the store from the files of adapters. */
export class VersionMaker<Read extends Adapter> {
  readonly #options: VersionMakerOptions<Read>;
  readonly #budget = new Budget(bytesAtOnce);
  #count = 0;

  constructor(options: VersionMakerOptions<Read>) {
    this.#options = options;
  }

  /**
   * Verifies the open files of an adapter, and gives a copy of them its place in the store.
   * @throws EspalierError the errors of `stageVersion`. Nothing is in the store then.
   */
  async make(name: string, opened: OpenEntry): Promise<StoredVersion> {
    const folder = join(this.#options.layout.staging, `version-${this.#count++}`);
    const began = systemClock.now();
    let isLeft = true;
    try {
      const { source, checksums } = opened;
      const staged = await stageVersion(source, { ...this.#options, folder, name, checksums });
      const list = staged.vouched?.statement === undefined ? undefined : checksums?.list;
      // WHY before the version: whoever reads it then finds who signed it.
      if (list !== undefined)
        await this.#options.signatures.add(staged.version.key, { list, taken: this.#options.now() });
      const version = await this.#publish(staged, () => (isLeft = false));
      const durationMs = systemClock.now() - began;
      const details = signerDetails(staged.vouched);
      publishAdapterEvent({ event: 'verify', actor: 'store', name, version: version.digest, durationMs, ...details });
      return version;
    } finally {
      if (isLeft) await this.#options.files.removeTree(folder);
    }
  }

  /** @param onMoved  called when the folder has got its place in the store */
  async #publish({ folder, version }: StagedVersion, onMoved: () => void): Promise<StoredVersion> {
    const { versions } = this.#options;
    const known = await versions.publish(folder, version.key);
    if (known?.context === version.context) return known;
    // A version that is there in another format keeps its own file.
    const place = versions.folderOf(version.key);
    const stored = { ...version, path: known?.path ?? join(place, relative(folder, version.path)) };
    if (known === undefined) onMoved();
    else await versions.replaceFacts(stored);
    return stored;
  }

  /**
   * The facts of a version, which is verified again if it was verified against something else.
   * @throws EspalierError STORE_VERSION_UNKNOWN, ADAPTER_FACTS_INVALID, ADAPTER_FACTS_CHANGED, and the errors of verification
   */
  async usable(name: string, key: string): Promise<StoredVersion> {
    const { versions, user } = this.#options;
    const facts = await versions.facts(key);
    return facts.context === user.context
      ? facts
      : this.#budget.take(facts.bytes, () => this.#verifyAgain(name, facts));
  }

  async #verifyAgain(name: string, before: StoredVersion): Promise<StoredVersion> {
    const { versions, user, now } = this.#options;
    const adapter = await user.read(before.path, before.key !== before.digest);
    if (adapter.digest !== before.digest) {
      const problems = [`the digest was recorded as ${before.digest} and is ${adapter.digest}`];
      throw new EspalierError('ADAPTER_FACTS_CHANGED', { name, problems });
    }
    const facts = await user.verify(name, adapter);
    const version = { ...before, ...facts, context: user.context, verified: new Date(now()).toISOString() };
    await versions.replaceFacts(version);
    publishAdapterEvent({ event: 'verify', actor: 'store', name, version: version.digest });
    return version;
  }
}
