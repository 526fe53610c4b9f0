import { getHeapStatistics } from 'node:v8';
import { EspalierError } from '../../src/core/index.ts';
import { Dice, mutate } from './mutate.ts';
import type { Target } from './targets.ts';

export interface FuzzOptions {
  readonly inputs: number;
  /** The same seed gives the same inputs. */
  readonly seed: number;
  readonly onProgress?: (done: number) => void;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly taken: number;
  /** How often each code came. */
  readonly codes: ReadonlyMap<string, number>;
  readonly slowestMs: number;
  /** Bytes that were allocated for one input beyond twice its own. */
  readonly mostBytes: number;
  readonly seconds: number;
  /** Of the processor: what the clock would show on a machine with nothing else to do. */
  readonly cpuSeconds: number;
}

/** What a reader may not do. */
const limits = { ms: 1000, bytes: 16 * 2 ** 20 };

/**
 * Gives a reader inputs that are nearly sound. Half are sound files with a few things changed, half are made by the rules of
 * the format, or nearly.
 *
 * @throws Error with the input in hexadecimal, when the reader throws anything but an EspalierError, takes more than a
 *   second, or allocates more than twice the input and 16 MiB
 */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzResult> {
  const { stackTraceLimit } = Error;
  // WHY none: most inputs end in an error, and finding out where would take longer than all else.
  Error.stackTraceLimit = 0;
  try {
    return await fuzzed(target, options);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function fuzzed(target: Target, { inputs, seed, onProgress }: FuzzOptions): Promise<FuzzResult> {
  const dice = new Dice(seed);
  const codes = new Map<string, number>();
  const [start, cpuStart] = [performance.now(), process.cpuUsage()];
  let [taken, slowestMs, mostBytes] = [0, 0, 0];
  for (let i = 0; i < inputs; i++) {
    const bytes = await nextInput(target, dice);
    const copy = bytes.slice(); // a reader that wrote into its input would hide what it was
    const [began, cpu, heap] = [performance.now(), process.cpuUsage(), heapBytes()];
    const code = await outcome(target, bytes, copy);
    const [ms, grown] = [performance.now() - began, heapBytes() - heap - 2 * copy.length];
    // WHY the second look: on a busy machine the clock goes on while this process waits for its turn.
    if (ms > limits.ms && cpuMs(cpu) > limits.ms) throw finding(target, copy, `took ${ms.toFixed(0)} ms`);
    if (grown > limits.bytes) throw finding(target, copy, `allocated ${grown} bytes more than twice its input`);
    [slowestMs, mostBytes] = [Math.max(slowestMs, ms), Math.max(mostBytes, grown)];
    if (code === undefined) taken++;
    else codes.set(code, (codes.get(code) ?? 0) + 1);
    if (i % 10_000 === 0) onProgress?.(i);
  }
  return {
    inputs,
    taken,
    codes,
    slowestMs,
    mostBytes,
    seconds: (performance.now() - start) / 1000,
    cpuSeconds: cpuMs(cpuStart) / 1000,
  };
}

async function nextInput({ seeds, generate, mend }: Target, dice: Dice): Promise<Uint8Array> {
  const made = dice.below(2) === 0 ? mutate(dice.pick(seeds), dice.pick(seeds), dice) : generate(dice);
  return mend !== undefined && dice.below(8) > 0 ? mend(made) : made;
}

/** The code of the refusal; undefined when the input was taken. */
async function outcome(target: Target, bytes: Uint8Array, copy: Uint8Array): Promise<string | undefined> {
  try {
    await target.read(bytes);
    return undefined;
  } catch (error) {
    if (EspalierError.isInstance(error)) return error.code;
    throw finding(target, copy, `threw ${String(error)}`, error);
  }
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

function heapBytes(): number {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics();
  return used + external;
}

function finding({ name }: Target, bytes: Uint8Array, what: string, cause?: unknown): Error {
  return new Error(`The reader of ${name} ${what}. Its input: ${Buffer.from(bytes).toString('hex')}`, { cause });
}
