import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideEntry, nextState, type EntryDecision, type EntryLook, type EntryState } from './decide-entry.ts';

const patience = { refusalMs: 2000, incompleteMs: 60_000 };

/** An entry as it is found at a moment. */
interface Moment extends Omit<EntryLook, 'signature'> {
  /** Since the moment before. */
  readonly ms: number;
  readonly isChanged: boolean;
  /** Whether it would be found to be right. */
  readonly fits: boolean;
}

const moment: fc.Arbitrary<Moment> = fc.record({
  ms: fc.constantFrom(0, 1, 50, 99, 100, 101, 500, 1999, 2000, 2001, 60_000),
  isChanged: fc.boolean(),
  isIncomplete: fc.boolean(),
  hasChecksums: fc.boolean(),
  quietMs: fc.constantFrom(0, 100, 2000),
  isOpenForWriting: fc.boolean(),
  fits: fc.boolean(),
});

interface Seen {
  readonly at: number;
  readonly look: EntryLook;
  readonly decision: EntryDecision;
  /** Time since the entry last changed. */
  readonly quiet: number;
  /** Whether it has failed since then. */
  readonly hasFailed: boolean;
}

/** Lets an entry go through moments, and looks at it in each. */
function follow(moments: readonly Moment[]): Seen[] {
  const seen: Seen[] = [];
  let state: EntryState | undefined;
  let [now, changedAt, signature] = [0, 0, 0];
  for (const { ms, isChanged, fits, ...look } of moments) {
    now += ms;
    if (isChanged) [signature, changedAt] = [signature + 1, now];
    const whole = { ...look, signature: String(signature) };
    state = nextState(state, whole, now);
    const decision = decideEntry(whole, state, now, patience);
    seen.push({ at: now, look: whole, decision, quiet: now - changedAt, hasFailed: state.hasFailed });
    if (decision.kind === 'take' && !fits) state = { ...state, hasFailed: true };
    else if (decision.kind !== 'wait') state = undefined;
  }
  return seen;
}

/** Runs a check on what was seen in many random histories. It gives what must not be. */
function never(wrong: (seen: Seen) => boolean): void {
  fc.assert(
    fc.property(fc.array(moment, { maxLength: 30 }), (moments) => {
      expect(follow(moments).filter(wrong)).toEqual([]);
    }),
  );
}

describe('decideEntry', () => {
  it('takes nothing that lacks a file', () => {
    never(({ look, decision }) => decision.kind === 'take' && look.isIncomplete);
    expect.hasAssertions();
  });

  it('takes nothing that changes or is being written to, unless its checksums may be right', () => {
    never(({ look, decision, quiet }) => {
      const isRestless = look.isOpenForWriting || quiet < look.quietMs;
      return decision.kind === 'take' && !look.hasChecksums && isRestless;
    });
    expect.hasAssertions();
  });

  it('tries nothing twice in one state, and refuses nothing untried', () => {
    never(({ decision, hasFailed }) => decision.kind === (hasFailed ? 'take' : 'refuse'));
    expect.hasAssertions();
  });

  it('refuses and gives up only what nobody has changed for long enough', () => {
    never(({ look, decision, quiet }) => {
      const isWhole = look.quietMs === 0 && !look.isOpenForWriting;
      if (decision.kind === 'refuse') return !isWhole && quiet < patience.refusalMs;
      return decision.kind === 'give-up' && quiet < patience.incompleteMs;
    });
    expect.hasAssertions();
  });

  it('comes to an end about every entry that stays as it is', () => {
    fc.assert(
      fc.property(moment, (one) => {
        const still = { ...one, isChanged: false, isOpenForWriting: false, ms: 1000 };
        const kinds = follow(Array.from({ length: 70 }, () => still)).map(({ decision }) => decision.kind);
        expect(kinds).toContain(one.isIncomplete ? 'give-up' : one.fits ? 'take' : 'refuse');
      }),
    );
  });

  it('waits no longer than it has to', () => {
    never(({ decision }) => decision.kind === 'wait' && !(decision.ms > 0 && decision.ms <= patience.incompleteMs));
    expect.hasAssertions();
  });
});
