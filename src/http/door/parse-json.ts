import { randomUUID } from 'node:crypto';
import { EspalierError, Pace } from '../../core/index.ts';
import type { JsonCut, JsonShape, OpenContainer } from './json-bounds.ts';

/** The name of a member that a piece continues. WHY random: no member of a client must have it. */
const continued = randomUUID();

/** How the text of a piece is read. Numbers that JavaScript would round can be read in another way. */
export type ParseText = (text: string) => unknown;

/**
 * Parses JSON piece by piece, and lets other tasks run between two pieces. Each piece is completed with what is open at its cuts, and
 * its result is added to what is open there. The result is that of `JSON.parse`.
 *
 * @param shape  of these bytes, from `checkJsonBounds`
 * @throws EspalierError REQUEST_INVALID if the bytes are not JSON in UTF-8
 */
export async function parseJson(
  bytes: Uint8Array,
  { cuts }: Pick<JsonShape, 'cuts'>,
  parseText: ParseText = JSON.parse,
): Promise<unknown> {
  const pace = new Pace();
  const whole = new Whole();
  let start = hasMark(bytes) ? 3 : 0;
  let before: JsonCut | undefined;
  for (const cut of [...cuts, undefined]) {
    const piece = bytes.subarray(start, cut?.at);
    whole.add(parsePiece(piece, { before, after: cut, parseText }), before);
    if (cut === undefined) break;
    whole.open(cut, bytes);
    start = cut.inString ? cut.at : cut.at + 1;
    before = cut;
    const turn = pace.step();
    if (turn) await turn;
  }
  return whole.value;
}

/** Whether the bytes begin with a byte order mark. */
function hasMark([first, second, third]: Uint8Array): boolean {
  return first === 0xef && second === 0xbb && third === 0xbf;
}

interface PieceOptions {
  readonly before: JsonCut | undefined;
  readonly after: JsonCut | undefined;
  readonly parseText: ParseText;
}

function parsePiece(piece: Uint8Array, { before, after, parseText }: PieceOptions): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(piece);
    return parseText(`${openersOf(before)}${text}${closersOf(after)}`);
  } catch (cause) {
    // What the parser tells of a piece has places in the piece, and members that nobody sent.
    const isWhole = before === undefined && after === undefined;
    const reason = isWhole && cause instanceof Error ? `: ${cause.message.slice(0, 200)}` : '';
    throw new EspalierError('REQUEST_INVALID', { param: 'body', problem: `it is no JSON${reason}` }, { cause });
  }
}

function openersOf(cut: JsonCut | undefined): string {
  if (cut === undefined) return '';
  const innermost = cut.inString ? undefined : cut.open.at(-1);
  const openers = cut.open.map((container) => {
    if (container.kind === 'list') return '[';
    return container === innermost ? '{' : `{"${continued}":`;
  });
  return `${openers.join('')}${cut.inString ? '"' : ''}`;
}

function closersOf(cut: JsonCut | undefined): string {
  if (cut === undefined) return '';
  const closers = cut.open.map(({ kind }) => (kind === 'list' ? ']' : '}')).reverse();
  return `${cut.inString ? '"' : ''}${closers.join('')}`;
}

type Container = unknown[] | Record<string, unknown>;

/** The value so far. */
class Whole {
  value: unknown;
  /** The containers that are open at the last cut, and the names of their open members. */
  #open: { readonly container: Container; readonly name: string }[] = [];

  /** Adds a piece that begins at `cut`. */
  add(piece: unknown, cut: JsonCut | undefined): void {
    if (cut === undefined) {
      this.value = piece;
      return;
    }
    let part = piece;
    for (const [level, { container, name }] of this.#open.entries()) {
      const isInnermost = level === this.#open.length - 1;
      const isText = isInnermost && cut.inString;
      part = extend(container, part as Container, { name, isText, isContinued: !isInnermost || cut.inString });
    }
    if (this.#open.length === 0) this.value = `${String(this.value)}${String(part)}`;
  }

  /** Finds what is open at a cut, after the piece before it was added. */
  open({ open }: JsonCut, bytes: Uint8Array): void {
    let value = this.value;
    this.#open = open.map((container) => {
      const found = { container: value as Container, name: nameOf(container, bytes) };
      value = Array.isArray(value) ? (value as unknown[]).at(-1) : (value as Record<string, unknown>)[found.name];
      return found;
    });
  }
}

function nameOf({ kind, name: [start, end] }: OpenContainer, bytes: Uint8Array): string {
  // Before the first member has its value, there is no name.
  if (kind === 'list' || start === end) return '';
  return String(JSON.parse(new TextDecoder().decode(bytes.subarray(start, end))));
}

interface Extension {
  /** Of the open member of an object. */
  readonly name: string;
  /** Whether the part begins with the rest of the last element or of the open member. */
  readonly isContinued: boolean;
  /** Whether that rest is text. */
  readonly isText: boolean;
}

/**
 * Adds a part of a container to it.
 * @returns the rest of what was open in the container, which belongs into that
 */
function extend(container: Container, part: Container, { name, isContinued, isText }: Extension): unknown {
  if (Array.isArray(container)) {
    const elements = part as readonly unknown[];
    if (isText) container.push(`${String(container.pop())}${String(elements[0])}`);
    for (let i = isContinued ? 1 : 0; i < elements.length; i++) container.push(elements[i]);
    return elements[0];
  }
  const members = part as Readonly<Record<string, unknown>>;
  const rest = members[continued];
  if (isText) setMember(container, name, `${String(container[name])}${String(rest)}`);
  for (const [key, value] of Object.entries(members)) if (key !== continued) setMember(container, key, value);
  return rest;
}

/** Sets a member as `JSON.parse` does. WHY not by assignment: `__proto__` would set the prototype. */
function setMember(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
