import type { Fallback, RolloutOptions } from '../../routing/index.ts';

/** Where a declared version lies. */
export type AdapterPlace =
  /** In the repository, relative to fleet.yaml. */
  | { readonly kind: 'repository'; readonly path: string }
  /** In the folder that the server was given. */
  | { readonly kind: 'folder'; readonly path: string }
  /** In the store of the server already. */
  | { readonly kind: 'store' };

/** What a name shall be. */
export interface DeclaredAlias {
  readonly name: string;
  readonly digest: string;
  readonly isProgressive: boolean;
  /** Of the roll-out: another one lets a digest be tried again. */
  readonly rolloutId: string | undefined;
  /** undefined: the steps of the server. */
  readonly steps: RolloutOptions['steps'];
  readonly canary: { readonly digest: string; readonly share: number } | undefined;
  readonly fallback: Fallback | undefined;
  readonly pin: PinKind;
  /** Whether a server is ready only while it serves the name. */
  readonly isRequired: boolean;
}

export type PinKind = 'none' | 'name' | 'weights';

/** The desired state of a server: what a manifest says for its base. */
export interface DesiredFleet {
  readonly name: string;
  readonly aliases: ReadonlyMap<string, DeclaredAlias>;
  /** Where each declared digest lies. */
  readonly places: ReadonlyMap<string, AdapterPlace>;
  readonly keys: readonly string[];
  readonly prune: boolean;
  readonly allowEmpty: boolean;
}
