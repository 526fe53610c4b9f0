import { finishInSlices, finishNow, type Steps } from './steps.ts';

/**
 * A number of JSON that JavaScript does not read as Python does: one written as a float that has a whole value, such as `2.0`, or an int
 * that a double cannot hold.
 */
export type WrittenNumber = 'float' | bigint;

type Numbers = ReadonlyMap<string, WrittenNumber>;

/** By the object or the list that holds them, and by key or index. WHY beside the values: all others read plain numbers. */
const written = new WeakMap<object, Numbers>();

/** The numbers of an object or a list that are written so, by key or index. */
export function writtenNumbersOf(holder: object): Numbers | undefined {
  return written.get(holder);
}

/** Says that a copy of an object has its numbers. @returns the copy */
export function withWrittenNumbers<Copy extends object>(copy: Copy, ...from: readonly (object | undefined)[]): Copy {
  const numbers = new Map(from.flatMap((one) => [...((one && written.get(one)) ?? [])]));
  if (numbers.size > 0) written.set(copy, numbers);
  return copy;
}

/** `JSON.parse`, which also notes how numbers are written. @throws SyntaxError */
export function parseWithNumbers(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (candidate.test(text)) note(value, finishNow(scan(text)));
  return value;
}

/** Notes how the numbers of a value are written, in slices. @param text  valid JSON, of which the value was parsed */
export async function noteWrittenNumbers(text: string, value: unknown): Promise<void> {
  if (candidate.test(text)) note(value, await finishInSlices(scan(text)));
}

/** What a number that is written so has in it; it may also be in a text. */
const candidate = /\d[.eE]|\d{16}|-0/;

/** Where in a value such numbers are. */
interface Found {
  readonly numbers: Map<string, WrittenNumber>;
  readonly inside: Map<string, Found>;
}

interface Open extends Found {
  /** The key or the index of the member that comes next. */
  key: string;
  /** undefined in an object */
  index: number | undefined;
}

const charactersPerStep = 1 << 14;

/** Walks over valid JSON. WHY not recursive: JSON may be deeper than the stack. */
function* scan(text: string): Steps<Found> {
  const top: Open = { numbers: new Map(), inside: new Map(), key: '', index: undefined };
  const open = [top];
  let nextStep = charactersPerStep;
  for (let at = 0; at < text.length; at++) {
    if (at >= nextStep) {
      nextStep = at + charactersPerStep;
      yield;
    }
    const character = text.charAt(at);
    const holder = open.at(-1) ?? top;
    if (character === '"') {
      const end = textEnd(text, at);
      if (holder.index === undefined && holder !== top && isKey(text, end)) {
        holder.key = String(JSON.parse(text.slice(at, end)));
        // Of members with one name the last counts.
        holder.numbers.delete(holder.key);
        holder.inside.delete(holder.key);
      }
      at = end - 1;
    } else if (character === '{' || character === '[') {
      const index = character === '[' ? 0 : undefined;
      const inner: Open = { numbers: new Map(), inside: new Map(), key: '0', index };
      holder.inside.set(holder.key, inner);
      open.push(inner);
    } else if (character === '}' || character === ']') {
      open.pop();
      const around = open.at(-1) ?? top;
      const { numbers, inside } = holder;
      if (numbers.size + inside.size === 0) around.inside.delete(around.key);
    } else if (character === ',' && holder.index !== undefined) {
      holder.index++;
      holder.key = String(holder.index);
    } else if (character === '-' || (character >= '0' && character <= '9')) {
      const literal = numberAt(text, at);
      const number = writtenNumber(literal);
      if (number !== undefined) holder.numbers.set(holder.key, number);
      at += literal.length - 1;
    }
  }
  return top;
}

/** The place behind the quotes that end a text. */
function textEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charAt(end - 1 - slashes) === '\\') slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
  return text.length;
}

const colon = /[ \t\n\r]*:/y;

function isKey(text: string, end: number): boolean {
  colon.lastIndex = end;
  return colon.test(text);
}

const number = /-?[0-9.eE+-]+/y;

function numberAt(text: string, at: number): string {
  number.lastIndex = at;
  return number.exec(text)?.[0] ?? text.charAt(at);
}

/** Python's limit: it reads no int with more digits. */
const mostDigits = 4300;

function writtenNumber(literal: string): WrittenNumber | undefined {
  const value = Number(literal);
  if (/[.eE]/.test(literal)) return Number.isInteger(value) && !Object.is(value, -0) ? 'float' : undefined;
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return undefined;
  return literal.length <= mostDigits ? BigInt(literal) : undefined;
}

function note(value: unknown, found: Found): void {
  const left: [unknown, Found][] = [...found.inside.values()].map((inside) => [value, inside]);
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [holder, { numbers, inside }] = next;
    if (typeof holder !== 'object' || holder === null) continue;
    if (numbers.size > 0) written.set(holder, numbers);
    for (const [key, deeper] of inside) left.push([Reflect.get(holder, key), deeper]);
  }
}
