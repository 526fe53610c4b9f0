import type { RequestRecord } from './run-trace.ts';

/** Milliseconds of many requests; undefined if there are none. */
export interface Times {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What a load came to. */
export interface LoadSummary {
  readonly sent: number;
  readonly ok: number;
  readonly refused: number;
  readonly failed: number;
  /** From the first intended start to the last end. */
  readonly seconds: number;
  /** Of the answers that are `ok`. */
  readonly requestsPerSecond: number;
  readonly tokensPerSecond: number;
  readonly promptTokensPerSecond: number;
  /** From the intended start to the first token, of answers that are `ok`. */
  readonly firstTokenMs: Times | undefined;
  /** From the intended start to the end. */
  readonly latencyMs: Times | undefined;
  /** Mean time of a token after the first, of each answer. */
  readonly perTokenMs: Times | undefined;
  /** Every time between two tokens. */
  readonly gapMs: Times | undefined;
  /** How long a refusal took, from the sending. */
  readonly refusalMs: Times | undefined;
  /** How late requests were sent. Large values mean that this client could not keep up, and that the figures are about it. */
  readonly latenessMs: Times | undefined;
  readonly models: readonly ModelSummary[];
  /** Numbers of failures by what was said. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface ModelSummary {
  readonly model: string;
  readonly sent: number;
  readonly ok: number;
  readonly firstTokenMs: Times | undefined;
}

export function summarize(records: readonly RequestRecord[]): LoadSummary {
  const ok = records.filter(({ outcome }) => outcome === 'ok');
  const refused = records.filter(({ outcome }) => outcome === 'refused');
  const failed = records.filter(({ outcome }) => outcome === 'failed');
  const seconds = secondsOf(records);
  const rate = (count: number): number => (seconds > 0 ? count / seconds : 0);
  const answered = ok.filter(({ tokens }) => tokens > 1);
  return {
    sent: records.length,
    ok: ok.length,
    refused: refused.length,
    failed: failed.length,
    seconds,
    requestsPerSecond: rate(ok.length),
    tokensPerSecond: rate(ok.reduce((sum, { tokens }) => sum + tokens, 0)),
    promptTokensPerSecond: rate(ok.reduce((sum, { promptTokens }) => sum + promptTokens, 0)),
    firstTokenMs: timesOf(ok.flatMap(firstTokenMs)),
    latencyMs: timesOf(ok.map(({ endMs, intendedMs }) => endMs - intendedMs)),
    perTokenMs: timesOf(answered.map(({ endMs, firstMs = endMs, tokens }) => (endMs - firstMs) / (tokens - 1))),
    gapMs: timesOf(ok.flatMap(({ gapsMs }) => gapsMs)),
    refusalMs: timesOf(refused.map(({ endMs, sentMs }) => endMs - sentMs)),
    latenessMs: timesOf(records.map(({ sentMs, intendedMs }) => Math.max(0, sentMs - intendedMs))),
    models: modelsOf(records),
    errors: errorsOf([...refused, ...failed]),
  };
}

/** Time to the first token from the intended start. */
export function firstTokenMs({ firstMs, intendedMs }: RequestRecord): number[] {
  return firstMs === undefined ? [] : [firstMs - intendedMs];
}

function secondsOf(records: readonly RequestRecord[]): number {
  let [first, last] = [Infinity, 0];
  for (const { intendedMs, endMs } of records) [first, last] = [Math.min(first, intendedMs), Math.max(last, endMs)];
  return records.length === 0 ? 0 : (last - first) / 1000;
}

function modelsOf(records: readonly RequestRecord[]): ModelSummary[] {
  const byModel = new Map<string, RequestRecord[]>();
  for (const record of records) {
    const own = byModel.get(record.model);
    if (own === undefined) byModel.set(record.model, [record]);
    else own.push(record);
  }
  return [...byModel]
    .map(([model, own]) => {
      const ok = own.filter(({ outcome }) => outcome === 'ok');
      return { model, sent: own.length, ok: ok.length, firstTokenMs: timesOf(ok.flatMap(firstTokenMs)) };
    })
    .sort((a, b) => b.sent - a.sent);
}

function errorsOf(records: readonly RequestRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, error = 'no reason was given' } of records) {
    const said = status === undefined ? error : `${status}: ${error}`;
    counts[said] = (counts[said] ?? 0) + 1;
  }
  return counts;
}

/** Quantiles by linear interpolation between the neighbours. */
export function timesOf(values: readonly number[]): Times | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => quantile(sorted, share);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** @param sorted ascending, not empty */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const [low = 0, high = low] = [sorted[below], sorted[below + 1]];
  return low + (place - below) * (high - low);
}
