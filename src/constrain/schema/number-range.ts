import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';

/** Decimal numbers between two ends, both included, in units of 10^-fraction. */
export interface NumberRange {
  readonly low: bigint;
  readonly high: bigint;
  /** Most digits behind the point. */
  readonly fraction: number;
  /** Whole numbers only: a number of which they are multiples. */
  readonly multipleOf: number;
}

/** Numbers of a range as JSON writes them, without an exponent: an automaton that compares digit by digit. */
export function rangeExpression(range: NumberRange, expressions: Expressions): Expression {
  const { low, high } = range;
  const positive = new RangeBuilder({ ...range, low: low > 0n ? low : 0n }, expressions).build();
  // WHY from 1: zero has no sign.
  const mirrored = { ...range, low: high < 0n ? -high : 1n, high: -low };
  const negative = new RangeBuilder(mirrored, expressions).build();
  return expressions.choice(positive, expressions.sequence(expressions.text('-'), negative));
}

/** Where in a number of so many digits a text is. */
interface Place {
  readonly at: number;
  /** Whether all digits so far are those of the lower end, and of the upper end. */
  readonly isLow: boolean;
  readonly isHigh: boolean;
  readonly remainder: number;
}

/** The digits of both ends, padded to one length, and how many of them are before the point. */
interface Ends {
  readonly low: string;
  readonly high: string;
  readonly whole: number;
}

/** Numbers from 0. */
class RangeBuilder {
  readonly #range: NumberRange;
  readonly #expressions: Expressions;
  #known = new Map<string, Expression>();

  constructor(range: NumberRange, expressions: Expressions) {
    this.#range = range;
    this.#expressions = expressions;
  }

  build(): Expression {
    const { low, high, fraction } = this.#range;
    const options: Expression[] = [];
    const longest = high < 0n ? 0 : Math.max(1, String(high).length - fraction);
    for (let whole = 1; whole <= longest; whole++) {
      const least = whole === 1 ? 0n : 10n ** BigInt(fraction + whole - 1);
      const most = 10n ** BigInt(fraction + whole) - 1n;
      const [from, to] = [low > least ? low : least, high < most ? high : most];
      if (from > to) continue;
      const pad = (end: bigint): string => String(end).padStart(whole + fraction, '0');
      this.#known = new Map();
      options.push(
        this.#digits({ low: pad(from), high: pad(to), whole }, { at: 0, isLow: true, isHigh: true, remainder: 0 }),
      );
    }
    return this.#expressions.choice(...options);
  }

  /** The digits from a place on. */
  #digits(ends: Ends, place: Place): Expression {
    const key = `${place.at} ${place.isLow} ${place.isHigh} ${place.remainder}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const expressions = this.#expressions;
    const { at } = place;
    const canStop = at >= ends.whole && place.remainder === 0 && (!place.isLow || /^0*$/.test(ends.low.slice(at)));
    const stop = canStop ? expressions.nothing : expressions.never;
    const more = at < ends.low.length ? this.#oneDigit(ends, place) : expressions.never;
    const made = expressions.choice(stop, at === ends.whole ? expressions.sequence(expressions.text('.'), more) : more);
    this.#known.set(key, made);
    return made;
  }

  #oneDigit(ends: Ends, { at, isLow, isHigh, remainder }: Place): Expression {
    const [from, to] = [isLow ? Number(ends.low[at]) : 0, isHigh ? Number(ends.high[at]) : 9];
    const byNext = new Map<Expression, [number, number][]>();
    for (let digit = from; digit <= to; digit++) {
      const next = this.#digits(ends, {
        at: at + 1,
        isLow: isLow && digit === from,
        isHigh: isHigh && digit === to,
        remainder: (10 * remainder + digit) % this.#range.multipleOf,
      });
      const code = 48 + digit;
      byNext.set(next, [...(byNext.get(next) ?? []), [code, code]]);
    }
    const expressions = this.#expressions;
    return expressions.choice(
      ...Array.from(byNext, ([next, digits]) => expressions.sequence(expressions.byte(...digits), next)),
    );
  }
}
