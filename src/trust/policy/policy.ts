import type { Scope } from '../../core/index.ts';
import type { PublicKey } from '../signatures/parsed-signature.ts';

/** Who may sign adapters of which names, and for which bases. */
export interface Signer {
  readonly name: string;
  readonly key: PublicKey;
  readonly adapters: Scope;
  /** Fingerprints; undefined: of every base. */
  readonly bases: ReadonlySet<string> | undefined;
  /** Unix time in milliseconds after which nothing more of this key is taken in; undefined: never. */
  readonly until: number | undefined;
}

/** What may be served: the content of a policy file. */
export interface Policy {
  readonly path: string;
  readonly signers: readonly Signer[];
  /** Whether adapters that nobody signed are taken. */
  readonly takesUnsigned: boolean;
  /** Whether a signed list must name the adapter, so that a signed adapter cannot come under another name. */
  readonly requiresName: boolean;
  /** Versions that are never served, by their digests. */
  readonly revoked: ReadonlySet<string>;
  readonly bases: BasePolicy;
}

/** Where the policy comes from that is in force. It may be another one at the next look. */
export interface PolicySource {
  readonly current: Policy;
}

export interface BasePolicy {
  /** Fingerprints; undefined: every base. */
  readonly allowed: ReadonlySet<string> | undefined;
  /** In lower case; undefined: whatever the base says of its licence. */
  readonly licences: ReadonlySet<string> | undefined;
  /** Names of the signers one of whom must have signed the list of the files of a base; undefined: nobody need to. */
  readonly signedBy: ReadonlySet<string> | undefined;
}
