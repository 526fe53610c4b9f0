import { EspalierError, option, optionText } from '../../core/index.ts';

/** What an engine would hold on its device, and what there is for it. All sizes are bytes. */
export interface DeviceNeeds {
  /** What may be held there in all. */
  readonly limit: number;
  /** What is held there already. */
  readonly held: number;
  readonly weights: number;
  /** Keys and values of one sequence at its full length. */
  readonly bytesPerSlot: number;
  /** Sequences that are asked for; undefined for as many as fit, up to `mostSlots`. */
  readonly slots: number | undefined;
  readonly mostSlots: number;
  /** Adapters of one rank, with all of their copies. 0 for an engine without adapters. */
  readonly bytesPerRow: number;
  /** Ranks that are asked for; undefined for as many as fit, up to `mostRows`. */
  readonly rows: number | undefined;
  readonly mostRows: number;
}

export interface DeviceRoom {
  readonly slots: number;
  readonly rows: number;
  /** What the engine can come to hold on the device, besides what it held before. */
  readonly bytes: number;
}

/** The part of what the weights leave that keys and values may take where neither slots nor ranks are asked for. */
const kvPart = 2 / 3;

/** Bytes of the keys and values of so many sequences. WHY one more: prompts run on a stage, which is as large as a slot. */
function kvBytes(slots: number, bytesPerSlot: number): number {
  return bytesPerSlot * (slots > 1 ? slots + 1 : 1);
}

/** Bytes of so many ranks. WHY one more: the arrays begin with a row of zeros. */
function rowBytes(rows: number, bytesPerRow: number): number {
  return bytesPerRow * (rows + 1);
}

/**
 * Decides how many sequences run at once and how many ranks their adapters may have, so that a device never has to give more than its
 * limit, whatever adapters are loaded later. What was asked for is believed; what was not is reduced to what fits.
 *
 * @throws EspalierError DEVICE_MEMORY, before anything is opened, if what was asked for does not fit
 */
export function planDeviceRoom(needs: DeviceNeeds): DeviceRoom {
  const { limit, held, weights, bytesPerSlot, bytesPerRow, mostSlots, mostRows } = needs;
  const left = limit - held - weights;
  const leastRows = rowBytes(needs.rows ?? 1, bytesPerRow);
  const slots = needs.slots ?? fittingSlots(forKeys(left, leastRows, needs), bytesPerSlot, mostSlots);
  const kv = kvBytes(slots, bytesPerSlot);
  const fittingRows = bytesPerRow === 0 ? mostRows : Math.floor((left - kv) / bytesPerRow) - 1;
  const rows = needs.rows ?? Math.max(1, Math.min(mostRows, fittingRows));
  const bytes = weights + kv + rowBytes(rows, bytesPerRow);
  if (held + bytes > limit) {
    const what = `weights (${weights}), keys and values of ${slots} requests at once (${kv}) and adapters of ${rows} ranks (${bytes - weights - kv})`;
    const reason = optionText(option('deviceMemory'), ` is ${limit} bytes`);
    throw new EspalierError('DEVICE_MEMORY', { what, bytes, held, reason });
  }
  return { slots, rows, bytes };
}

/** What keys and values may take of what is left. */
function forKeys(left: number, leastRows: number, { rows, bytesPerRow }: DeviceNeeds): number {
  return rows === undefined && bytesPerRow > 0 ? Math.min(left - leastRows, left * kvPart) : left - leastRows;
}

function fittingSlots(room: number, bytesPerSlot: number, most: number): number {
  if (bytesPerSlot === 0) return most;
  return Math.max(1, Math.min(most, Math.floor(room / bytesPerSlot) - 1));
}
