import { EspalierError, option, optionText, type OptionText } from '../../core/index.ts';
import type { BaseModel } from '../../models/index.ts';
import { bytesPerPosition, positionShapeOf } from './kv-cache.ts';
import { stateBytes } from './slot-states.ts';

/** What the keys and values of running sequences may take, and what they take. */
export interface KvRoom {
  /** Sequences that run at once. */
  readonly slots: number;
  /** Most tokens of each. */
  readonly maxLength: number;
  /** Bytes of the keys and values of one token. 0 for a base that is run without them. */
  readonly bytesPerToken: number;
  /** Bytes of the recurrent states of one sequence, whatever its length. 0 for a base without any. */
  readonly bytesPerState: number;
  /** Bytes of them all when every slot is full. */
  readonly bytes: number;
  /** Bytes that there are for them. */
  readonly budget: number;
}

export interface KvBudgetOptions {
  readonly bytesPerToken: number;
  /** Default: 0. */
  readonly bytesPerState?: number;
  readonly maxLength: number;
  /** Sequences that are asked for; undefined for as many as fit, up to `mostSlots`. */
  readonly slots: number | undefined;
  readonly mostSlots: number;
  readonly budget: number;
}

/** Enough for a small base on any machine. */
export const leastKvBudget = 64 * 2 ** 20;

/**
 * Half of the memory that this process can still allocate, within the limit of its container. The base, its runs and the adapters need
 * the rest.
 */
export function defaultKvBudget(): number {
  return Math.max(leastKvBudget, Math.floor(process.availableMemory() / 2));
}

/** Bytes of the keys and values of one token. 0 for a base without a decode graph, of which nothing is kept. */
export function kvBytesPerToken({ config, graphs }: Pick<BaseModel, 'config' | 'graphs'>): number {
  return graphs.decode === undefined ? 0 : bytesPerPosition(positionShapeOf(config));
}

/** Bytes of the recurrent states of one sequence. 0 for a base without a decode graph, of which nothing is kept. */
export function bytesPerState({ config, graphs }: Pick<BaseModel, 'config' | 'graphs'>): number {
  return graphs.decode === undefined ? 0 : stateBytes(config.states);
}

/**
 * Decides how many sequences can run at once, so that all of them can grow to their full length. Slots that nobody asked for are
 * reduced to what fits.
 *
 * WHY the full length, although only written positions take memory: a sequence that has begun is never ended for lack of memory.
 *
 * @throws EspalierError KV_MEMORY, before anything is allocated, if what was asked for does not fit
 */
export function planKvRoom(options: KvBudgetOptions): KvRoom {
  const { bytesPerToken, bytesPerState: fixed = 0, maxLength, slots, mostSlots, budget } = options;
  const bytesPerSlot = bytesPerToken * maxLength + fixed;
  const fitting = bytesPerSlot === 0 ? mostSlots : Math.floor(budget / bytesPerSlot);
  const taken = slots ?? Math.max(1, Math.min(mostSlots, fitting));
  const bytes = taken * bytesPerSlot;
  if (bytes > budget) {
    // Without keys and values no length fits if the states do not.
    const fittingLength = bytesPerToken === 0 ? 0 : Math.floor((budget / taken - fixed) / bytesPerToken);
    throw new EspalierError('KV_MEMORY', {
      slots: taken,
      maxLength,
      needed: bytes,
      available: budget,
      advice: adviceOf({ slots: taken, fitting, fittingLength, bytes }),
    });
  }
  return { slots: taken, maxLength, bytesPerToken, bytesPerState: fixed, bytes, budget };
}

interface Fit {
  readonly slots: number;
  /** Slots of the wanted length that fit. */
  readonly fitting: number;
  /** The length at which the wanted slots fit. */
  readonly fittingLength: number;
  readonly bytes: number;
}

function adviceOf({ slots, fitting, fittingLength, bytes }: Fit): OptionText {
  const fewer = fitting > 0 && slots > 1 ? ['Set ', option('maxSlots'), ` to ${fitting}, `] : [];
  const shorter =
    fittingLength > 0 ? [fewer.length > 0 ? 'set ' : 'Set ', option('maxLength'), ` to ${fittingLength}, or `] : [];
  const more = [fewer.length + shorter.length > 0 ? 'raise ' : 'Raise ', option('kvMemory')];
  return optionText(...fewer, ...shorter, ...more, ` to ${Math.ceil(bytes / 2 ** 20)} MB.`);
}
