import type { Range } from '../range.ts';

/** A character of a changed text, and how it came to be. */
export interface Change {
  /** One code point. */
  readonly character: string;
  /** 0: it stands for the next character. 1: it is new. Below 0: it stands for the next character, and so many after it are removed. */
  readonly change: number;
}

/**
 * A text with, for each of its UTF-16 units, the range of the original text that it comes from. Changes keep ranges as the Rust library
 * does: what is new has the range of the character before it, and what is removed takes its range along.
 */
export class AlignedText {
  readonly text: string;
  readonly #ranges: UnitRanges;
  /** Where its part of the original begins. It is the range of what is new at the very beginning. */
  readonly #origin: number;

  private constructor(text: string, ranges: UnitRanges, origin: number) {
    this.text = text;
    this.#ranges = ranges;
    this.#origin = origin;
  }

  /** A part of the original text, which begins at a place of it. */
  static of(text: string, place: number): AlignedText {
    const builder = new Builder(text.length);
    for (let at = 0; at < text.length; at = after(text, at)) {
      const end = after(text, at);
      builder.add(text.slice(at, end), place + at, place + end);
    }
    return new AlignedText(text, builder.ranges(), place);
  }

  /** The range of the original that a part comes from. The part is not empty. */
  range(start: number, end: number): Range {
    return { start: this.#startOf(start), end: this.#endOf(end - 1) };
  }

  /** A part, as a text of its own: its part of the original begins where its first character comes from. */
  slice(start: number, end: number): AlignedText {
    const isWhole = start === 0 && end === this.text.length;
    return isWhole ? this : this.#part(start, end, this.#startOf(start));
  }

  /** Removes what is around a part. */
  keep(start: number, end: number): AlignedText {
    return this.#part(start, end, this.#origin);
  }

  /** Puts a text in the place of each character. It has the range of the character. */
  mapEach(textOf: (character: string) => string): AlignedText {
    const builder = new Builder(this.text.length);
    for (let at = 0; at < this.text.length; at = after(this.text, at)) {
      builder.add(textOf(this.text.slice(at, after(this.text, at))), this.#startOf(at), this.#endOf(at));
    }
    return this.#built(builder);
  }

  /** Replaces parts, which are in order. What replaces one has the range of the part's last character. */
  replaceParts(parts: Iterable<Range>, content: string): AlignedText {
    const builder = new Builder(this.text.length);
    let done = 0;
    for (const { start, end } of parts) {
      this.#copy(builder, done, start);
      builder.add(content, ...this.#before(end));
      done = end;
    }
    this.#copy(builder, done, this.text.length);
    return this.#built(builder);
  }

  /** Puts a text before it, with the range of its first character. */
  prepend(text: string): AlignedText {
    if (this.text === '') return this;
    const builder = new Builder(this.text.length + text.length);
    builder.add(text, this.#startOf(0), this.#endOf(0));
    this.#copy(builder, 0, this.text.length);
    return this.#built(builder);
  }

  /** Makes another text, character by character. */
  change(changes: Iterable<Change>): AlignedText {
    const builder = new Builder(this.text.length);
    let at = 0;
    for (const { character, change } of changes) {
      if (change > 0) builder.add(character, ...this.#before(at));
      else builder.add(character, this.#startOf(at), this.#endOf(at));
      for (let taken = change; taken <= 0; taken++) at = after(this.text, at);
    }
    return this.#built(builder);
  }

  #startOf(at: number): number {
    return this.#ranges.starts[at] ?? this.#origin;
  }

  #endOf(at: number): number {
    return this.#ranges.ends[at] ?? this.#origin;
  }

  #before(at: number): [number, number] {
    return [this.#startOf(at - 1), this.#endOf(at - 1)];
  }

  #copy(builder: Builder, start: number, end: number): void {
    const { starts, ends } = this.#ranges;
    builder.append(this.text.slice(start, end), {
      starts: starts.subarray(start, end),
      ends: ends.subarray(start, end),
    });
  }

  #part(start: number, end: number, origin: number): AlignedText {
    const { starts, ends } = this.#ranges;
    const ranges = { starts: starts.subarray(start, end), ends: ends.subarray(start, end) };
    return new AlignedText(this.text.slice(start, end), ranges, origin);
  }

  #built(builder: Builder): AlignedText {
    return new AlignedText(builder.text, builder.ranges(), this.#origin);
  }
}

/** For each unit of a text, the range that it comes from. */
interface UnitRanges {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Collects a text and its ranges. */
class Builder {
  text = '';
  #starts: Int32Array;
  #ends: Int32Array;

  constructor(expected: number) {
    this.#starts = new Int32Array(expected);
    this.#ends = new Int32Array(expected);
  }

  /** Adds a text that has one range. */
  add(text: string, start: number, end: number): void {
    const from = this.#grow(text);
    for (let at = from; at < this.text.length; at++) {
      this.#starts[at] = start;
      this.#ends[at] = end;
    }
  }

  append(text: string, { starts, ends }: UnitRanges): void {
    const from = this.#grow(text);
    this.#starts.set(starts, from);
    this.#ends.set(ends, from);
  }

  ranges(): UnitRanges {
    const { length } = this.text;
    return { starts: this.#starts.subarray(0, length), ends: this.#ends.subarray(0, length) };
  }

  /** @returns where the text was added */
  #grow(text: string): number {
    const { length } = this.text;
    this.text += text;
    if (this.text.length > this.#starts.length) {
      const size = Math.max(2 * this.#starts.length, this.text.length);
      this.#starts = enlarged(this.#starts, size);
      this.#ends = enlarged(this.#ends, size);
    }
    return length;
  }
}

function enlarged(old: Int32Array, size: number): Int32Array {
  const larger = new Int32Array(size);
  larger.set(old);
  return larger;
}

/** Where the character after the one at a place begins. */
export function after(text: string, at: number): number {
  return at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
}
