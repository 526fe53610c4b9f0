import { cpus, totalmem } from 'node:os';

/** What is claimed, and what was seen of it. */
export interface Finding {
  readonly part: string;
  readonly claim: string;
  /** Whether it was seen. Of a broken variant: whether the same check caught it. undefined: it could not be tried here. */
  readonly isSeen: boolean | undefined;
  readonly figures: Readonly<Record<string, number | string>>;
}

/** A part of the soak test. It throws only if it could not be run. */
export interface Part {
  readonly name: string;
  /** What it needs and does, in a sentence. */
  readonly summary: string;
  run(settings: Settings): AsyncIterable<Finding> | Iterable<Finding>;
}

export interface Settings {
  readonly seed: number;
  /** An amount of the full run, scaled to the run that was asked for; at least 1. */
  amount(full: number): number;
  /** The folder of the base of 0.41 B parameters that `npm run bench:base` makes; undefined if none was given. */
  readonly base: string | undefined;
  /** The folder of an older build with which speed is compared. */
  readonly before: string | undefined;
  readonly threads: number;
  /** The one action that is tried, of a part that has several; undefined: all. */
  readonly only?: string | undefined;
  /** Says how far a claim is that takes long. It may be called often: a line is written every 20 s. */
  progress(text: string): void;
}

export interface Choices {
  readonly seed?: number | undefined;
  /** The share of the full amounts. */
  readonly share?: number | undefined;
  readonly base?: string | undefined;
  readonly before?: string | undefined;
  readonly threads?: number | undefined;
  readonly only?: string | undefined;
}

export function settingsOf(
  { seed = 1, share = 1, base, before, threads = 2, only }: Choices,
  progress: Settings['progress'] = () => undefined,
): Settings {
  return { seed, amount: (full) => Math.max(1, Math.round(full * share)), base, before, threads, only, progress };
}

const secondsBetweenLines = 20;

/** Writes what it is told, and after how many seconds, at most one line in 20 s. `now` is in milliseconds. */
export function createProgress(write: (line: string) => void, now: () => number): Settings['progress'] {
  const began = now();
  let next = secondsBetweenLines;
  return (text) => {
    const seconds = (now() - began) / 1000;
    if (seconds < next) return;
    next = seconds + secondsBetweenLines;
    write(`${text}, ${seconds.toFixed(0)} s\n`);
  };
}

/** A claim that could not be tried. */
export function notRun(part: string, claim: string, why: string): Finding {
  return { part, claim, isSeen: undefined, figures: { why } };
}

export function machine(): string {
  const processors = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${processors.length} x ${processors[0]?.model ?? 'processor'}, ${gibibytes} GiB, ${process.platform}, Node ${process.version}`;
}

/** The longest name of a part is `disconnects`. */
const partWidth = 11;

/** Two lines of a table for people. */
export function described({ part, claim, isSeen, figures }: Finding): string {
  const numbers = Object.entries(figures).map(([name, value]) => `${name} ${shown(value)}`);
  const verdict = isSeen === undefined ? 'NOT RUN' : isSeen ? 'seen' : 'FAILED';
  return `${verdict.padEnd(8)}${part.padEnd(partWidth)} ${claim}\n${' '.repeat(9 + partWidth)}${numbers.join(', ')}\n`;
}

function shown(value: number | string): string {
  if (typeof value === 'string' || Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) < 10 ? 3 : 1);
}

/** The value below which a share of the values lies; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
