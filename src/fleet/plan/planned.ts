/** How what is declared and what lives differ. */
export type RowKind =
  | 'in_sync'
  /** The declared version comes into service by steps. */
  | 'progressing'
  /** The declared version was rolled back by itself. It stays so until Git changes. */
  | 'rolled_back'
  /** Declared, and not there. */
  | 'missing'
  /** There, and not declared. */
  | 'extra'
  /** There, not declared, and left: because of `prune: false`, or because it cannot be served anyway. */
  | 'unmanaged'
  /** Another version, another canary. */
  | 'different'
  /** The version is right; a pin or a fall-back is not. */
  | 'settings';

/** A change of the version of a name; undefined: none. */
export interface PlannedMove {
  readonly name: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}
