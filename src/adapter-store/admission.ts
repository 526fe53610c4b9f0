import type { Authority, Vouched } from '../trust/index.ts';
import type { QuarantineFolder } from './quarantine/quarantine-folder.ts';
import type { SignatureFolder } from './versions/signature-folder.ts';
import { digestOfKey } from './versions/stored-version.ts';

export interface AdmissionOptions {
  readonly quarantine: QuarantineFolder;
  readonly signatures: SignatureFolder;
  /** undefined: whoever can write to `incoming` may publish. */
  readonly authority: Authority | undefined;
}

/** Which versions of the store may be used under which names. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * @param key  of a version to which a name is about to be pointed
   * @returns who vouches for it; undefined if nobody is asked
   * @throws EspalierError ADAPTER_QUARANTINED, ADAPTER_REVOKED, and why nobody who may do so vouches for it
   */
  async assertFree(name: string, key: string): Promise<Vouched | undefined> {
    await this.#options.quarantine.assertFree(name, digestOfKey(key));
    return this.assertVouched(name, key);
  }

  /**
   * The part of `assertFree` that the policy decides.
   * @throws EspalierError ADAPTER_REVOKED, and why nobody who may do so vouches for it
   */
  async assertVouched(name: string, key: string): Promise<Vouched | undefined> {
    const { authority, signatures } = this.#options;
    if (authority === undefined) return undefined;
    authority.assertNotRevoked(name, digestOfKey(key));
    let reason: unknown;
    for (const { list, taken } of await signatures.of(key)) {
      try {
        return authority.vouch(name, list, taken);
      } catch (error) {
        reason = error;
      }
    }
    if (reason !== undefined) throw reason;
    return authority.vouch(name, undefined);
  }

  /** Forgets who signed a version that was removed. */
  async forget(key: string): Promise<void> {
    await this.#options.signatures.remove(key);
  }
}
