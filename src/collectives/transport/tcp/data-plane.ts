import type { RingKernels } from '../ring/ring-kernels.ts';
import type { RingOperation } from '../ring/ring.ts';
import type { Link } from './link.ts';

/** What carries the numbers of a ring from rank to rank. The group itself has links of its own. */
export interface DataPlane {
  /** Whose calls move the bytes: those of Node, or of the system. */
  readonly name: 'node' | 'system';
  /** Carries out one operation. They are called one at a time. Rejects with the group's error when it fails. */
  run(operation: RingOperation): Promise<void>;
}

export interface PlaneParts {
  readonly rank: number;
  /** The rank behind, and the link to it, on which this one sends. */
  readonly behind: { readonly rank: number; readonly link: Link };
  /** The rank before, and the link to it, on which it sends. Nothing has been read from it yet. */
  readonly before: { readonly rank: number; readonly link: Link };
  readonly kernels: RingKernels;
  /** Aborts when the group is broken. */
  readonly failed: AbortSignal;
  /** Ends the group, for something that a rank did. */
  readonly refuse: (peer: number, error: Error | string) => void;
  /** A link has ended. */
  readonly suspect: (peer: number, why: string) => void;
}
