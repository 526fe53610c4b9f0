/** What a look at an entry has shown. */
export interface EntryLook {
  /** Changes whenever one of its files does. */
  readonly signature: string;
  /** Whether a file that every adapter has is missing. */
  readonly isIncomplete: boolean;
  /** Whether its checksums cover the files that are loaded, and all files of the list are there. */
  readonly hasChecksums: boolean;
  /** How long it must have been without a change, in milliseconds; 0 if it was moved into place as a whole. */
  readonly quietMs: number;
  /** Whether a program has one of its files open for writing. */
  readonly isOpenForWriting: boolean;
}

/** What is remembered of an entry between two looks. */
export interface EntryState {
  readonly signature: string;
  /** When this signature was first seen. Monotonic, in milliseconds. */
  readonly since: number;
  /** Whether it was tried in this state, and did not fit. */
  readonly hasFailed: boolean;
}

export type EntryDecision =
  /** Look again after this time, or when something happens. */
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'take' }
  /** It has failed, and nobody changes it any more. */
  | { readonly kind: 'refuse' }
  /** Files that it needs did not come. */
  | { readonly kind: 'give-up' };

export interface Patience {
  /** Time without a change after which an entry that failed is refused. A slow writer may only have paused. */
  readonly refusalMs: number;
  /** The same for an entry of which a file is missing. */
  readonly incompleteMs: number;
}

/** How often a file is looked at that somebody has open. */
const openAgainMs = 50;

/** What is remembered after a look. */
export function nextState(state: EntryState | undefined, { signature }: EntryLook, now: number): EntryState {
  return state?.signature === signature ? state : { signature, since: now, hasFailed: false };
}

/**
 * Decides what to do about an entry. Pure function. An entry is taken when its checksums may be right, or when it has been quiet for
 * long enough and nobody writes to it; its name says nothing. What fails then is refused only after a longer quiet.
 */
export function decideEntry(look: EntryLook, state: EntryState, now: number, patience: Patience): EntryDecision {
  const age = now - state.since;
  const after = (ms: number, then: EntryDecision): EntryDecision => (age >= ms ? then : { kind: 'wait', ms: ms - age });
  if (look.isIncomplete) return after(patience.incompleteMs, { kind: 'give-up' });
  if (state.hasFailed) {
    const isSettled = look.quietMs === 0 && !look.isOpenForWriting;
    return after(isSettled ? 0 : Math.max(patience.refusalMs, look.quietMs), { kind: 'refuse' });
  }
  if (look.hasChecksums) return { kind: 'take' };
  if (look.isOpenForWriting) return { kind: 'wait', ms: openAgainMs };
  return after(look.quietMs, { kind: 'take' });
}
