import { hash } from 'node:crypto';
import { EspalierError, type AdapterEvent, type AdapterEventKind } from '../../core/index.ts';

/** One line of the audit record, without its place in the chain. */
export interface AuditEntry {
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly actor: string;
  /** `audit`: what happened to the record itself, such as its opening. */
  readonly event: AdapterEventKind | 'audit';
  readonly result: AdapterEvent['result'];
  readonly name?: string;
  readonly digest?: string;
  readonly previous?: string;
  readonly reason?: string;
  /** Code and text of the error; an error of the system has its own code, such as `EIO`. */
  readonly code?: string;
  readonly message?: string;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** One line of the audit record. */
export interface AuditRecord extends AuditEntry {
  /** Counts from 1, without gaps, also across the files of the record. */
  readonly seq: number;
  /** SHA-256 of the line before, in hexadecimal; zeros for the first. */
  readonly prev: string;
}

/** What the first record has for the hash of the line before. */
export const noLine = '0'.repeat(64);

/** WHY: a message may quote what came from outside. A line must stay short enough to be found from the end of the file. */
const maxText = 2000;
export const maxLineBytes = 64 * 1024;

/** The entry of an event. */
export function entryOf({ time, actor, event, result, name, version, previous, ...rest }: AdapterEvent): AuditEntry {
  const { reason, error, details } = rest;
  return {
    time: new Date(time).toISOString(),
    actor: cut(actor),
    event,
    result,
    ...(name === undefined ? {} : { name: cut(name) }),
    ...(version === undefined ? {} : { digest: version }),
    ...(previous === undefined ? {} : { previous }),
    ...(reason === undefined ? {} : { reason: cut(reason) }),
    ...errorOf(error),
    ...(details === undefined ? {} : { details: shortened(details) }),
  };
}

function errorOf(error: unknown): Pick<AuditEntry, 'code' | 'message'> {
  if (error === undefined) return {};
  if (!(error instanceof Error) && !EspalierError.isInstance(error)) return { message: cut(String(error)) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { ...(code === undefined ? {} : { code }), message: cut(error.message) };
}

function shortened(details: NonNullable<AdapterEvent['details']>): NonNullable<AuditEntry['details']> {
  const pairs = Object.entries(details).slice(0, 20);
  return Object.fromEntries(pairs.map(([key, value]) => [cut(key), typeof value === 'string' ? cut(value) : value]));
}

function cut(text: string): string {
  return text.length > maxText ? `${text.slice(0, maxText)}…` : text;
}

/** The line of a record, without its end. JSON has no line break inside, whatever the texts hold. */
export function formatRecord({ seq, time, ...rest }: AuditRecord): string {
  return JSON.stringify({ seq, time, ...rest });
}

export function hashOfLine(line: string | Uint8Array): string {
  return hash('sha256', line, 'hex');
}

const texts = ['time', 'actor', 'event', 'result', 'prev'] as const;
const optionalTexts = ['name', 'digest', 'previous', 'reason', 'code', 'message'] as const;

/** @returns undefined for a line that is no record */
export function parseRecord(line: string): AuditRecord | undefined {
  let found: unknown;
  try {
    found = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isRecord(found) ? found : undefined;
}

function isRecord(found: unknown): found is AuditRecord {
  if (typeof found !== 'object' || found === null) return false;
  const fields = new Map<string, unknown>(Object.entries(found));
  if (!Number.isSafeInteger(fields.get('seq'))) return false;
  if (!texts.every((name) => typeof fields.get(name) === 'string')) return false;
  return optionalTexts.every((name) => !fields.has(name) || typeof fields.get(name) === 'string');
}
