import { codes, type ErrorCode } from './codes/index.ts';
import type { CodeEntry } from './codes/code-entry.ts';

type Placeholders<Message extends string> = Message extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;

/** What a code's message needs: one value for each `{name}` in it. */
export type ErrorDetails<Code extends ErrorCode> = {
  readonly [Name in Placeholders<(typeof codes)[Code]['message']>]: string | number;
};

const marker = Symbol.for('espalier.error');

/**
 * A broken contract, told by code. Branch on `code`, never on the text.
 * `isInstance` also recognises errors of another copy of the package.
 */
export class EspalierError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;
  readonly details: Readonly<Record<string, string | number>>;
  readonly [marker] = true;

  constructor(code: Code, details: ErrorDetails<Code>, options?: { readonly cause?: unknown }) {
    super(formatMessage(codes[code].message, details), options);
    this.name = 'EspalierError';
    this.code = code;
    this.details = details;
  }

  /** HTTP status with which a server answers. */
  get status(): number {
    return entryOf(this.code).status;
  }

  get retryable(): boolean {
    return entryOf(this.code).retryable;
  }

  static isInstance(error: unknown): error is EspalierError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}

function entryOf(code: ErrorCode): CodeEntry {
  return codes[code];
}

function formatMessage(template: string, details: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(details[name] ?? whole));
}
