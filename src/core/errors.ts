import { codes, type ErrorCode } from './codes/index.ts';
import type { CodeEntry } from './codes/code-entry.ts';
import { flagOf, OptionText } from './option-text.ts';

/** `{name}` needs a detail of that name; `{option:name}` is the name of an option and needs none. */
type Placeholders<Message extends string> = Message extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `option:${string}` ? never : Name) | Placeholders<Rest>
  : never;

/** A detail as it is passed in. A list stays a list in `details`; an `OptionText` is worded for its reader. */
type GivenDetail = string | number | readonly string[] | OptionText;

/** What a code's message needs: one value for each `{name}` in it. */
export type ErrorDetails<Code extends ErrorCode> = {
  readonly [Name in Placeholders<(typeof codes)[Code]['message']>]: GivenDetail;
};

/** A detail as programs read it. */
export type ErrorDetail = string | number | readonly string[];

const marker = Symbol.for('espalier.error');

/**
 * An error of Espalier, identified by its code. Branch on `code`, never on the text.
 * `isInstance` also recognises errors of another copy of the package.
 */
export class EspalierError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;
  readonly details: Readonly<Record<string, ErrorDetail>>;
  readonly [marker] = true;
  readonly #given: Readonly<Record<string, GivenDetail>>;

  constructor(code: Code, details: ErrorDetails<Code>, options?: { readonly cause?: unknown }) {
    super(formatMessage(code, details, inCode), options);
    this.name = 'EspalierError';
    this.code = code;
    this.details = Object.fromEntries(Object.entries<GivenDetail>(details).map(([name, value]) => [name, read(value)]));
    this.#given = details;
  }

  /** HTTP status with which a server answers. */
  get status(): number {
    return entryOf(this.code).status;
  }

  get retryable(): boolean {
    return entryOf(this.code).retryable;
  }

  /** The message for the command line, where options are named as flags. */
  get commandLineMessage(): string {
    return formatMessage(this.code, this.#given, onCommandLine);
  }

  /** The same error, with the field of a request that it is about: for a reader who sends fields. */
  about(param: string): EspalierError<Code> {
    const about = { ...this.#given, param };
    // The message takes what it names; `param` is there for programs.
    return new EspalierError(this.code, about as ErrorDetails<Code>, { cause: this.cause });
  }

  /** The same error with other texts in its details, such as the path of an original in the place of that of a copy. */
  withText(change: (text: string, name: string) => string): EspalierError<Code> {
    const changed = (name: string, value: GivenDetail): GivenDetail =>
      typeof value === 'string'
        ? change(value, name)
        : Array.isArray(value)
          ? value.map((text: string) => change(text, name))
          : value;
    const given = Object.entries(this.#given);
    const details = Object.fromEntries(given.map(([name, value]) => [name, changed(name, value)]));
    // The names of the details are those that this code has.
    return new EspalierError(this.code, details as ErrorDetails<Code>, { cause: this.cause });
  }

  static isInstance(error: unknown): error is EspalierError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}

function entryOf(code: ErrorCode): CodeEntry {
  return codes[code];
}

function read(value: GivenDetail): ErrorDetail {
  return value instanceof OptionText ? String(value) : value;
}

/** How options are named for one kind of reader. */
interface Wording {
  option(name: string): string;
  text(text: OptionText): string;
}

const inCode: Wording = { option: (name) => name, text: String };
const onCommandLine: Wording = { option: flagOf, text: (text) => text.toFlags() };

function formatMessage(code: ErrorCode, details: Readonly<Record<string, GivenDetail>>, wording: Wording): string {
  return entryOf(code).message.replace(/\{(option:)?(\w+)\}/g, (whole, isOption: string | undefined, name: string) => {
    if (isOption !== undefined) return wording.option(name);
    const value = details[name];
    if (value === undefined) return whole;
    if (value instanceof OptionText) return wording.text(value);
    return typeof value === 'object' ? joined(name, value) : String(value);
  });
}

/** Maximum number of list items in a message; `details` holds all of them. Lists of choices are not cut. */
const shownItems = 8;
const choices = ['expected', 'supported'];

/** Joins a list. Problems are sentences of their own; names are joined with commas. */
function joined(name: string, list: readonly string[]): string {
  if (list.length === 0) return 'none';
  const separator = name === 'problems' ? '; ' : ', ';
  const more = choices.includes(name) ? 0 : list.length - shownItems;
  if (more <= 0) return list.join(separator);
  return `${list.slice(0, shownItems).join(separator)}${separator}and ${more} more`;
}
