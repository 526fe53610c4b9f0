import { weightBytesOf } from '../../execution/index.ts';
import { buildDecodeGraphInSlices, type BaseModel } from '../../models/index.ts';
import { deviceHeld, type Environment } from '../../onnxruntime/index.ts';
import type { StackedModule } from '../adapters/adapter-stack.ts';
import { mostWindows } from './cached-runner.ts';
import { type DeviceRoom, planDeviceRoom } from './device-room.ts';
import { kvBytesPerToken } from './kv-budget.ts';

export interface DevicePlanOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  /** The modules that adapters may change; empty for an engine without adapters. */
  readonly modules: readonly StackedModule[];
  /** Further values of each rank and output of a module: gains and biases. */
  readonly extras: number;
  readonly maxLength: number;
  readonly prefillChunk: number;
  readonly slots: number | undefined;
  readonly mostSlots: number;
  readonly rows: number | undefined;
  readonly mostRows: number;
}

/**
 * Plans what an engine may hold on a device whose memory has a limit.
 * @returns undefined where there is nothing to plan: on the CPU, without a limit, and for bases that keep no keys and values
 * @throws EspalierError DEVICE_MEMORY
 */
export async function planDevice(options: DevicePlanOptions): Promise<DeviceRoom | undefined> {
  const { base, environment, modules, extras, maxLength, slots, rows, mostSlots, mostRows } = options;
  const { provider, deviceMemory: limit } = environment;
  if (provider === 'cpu' || limit === undefined || base.graphs.decode === undefined) return undefined;
  const { graph } = await buildDecodeGraphInSlices(base, { maxLength });
  const widths = modules.reduce((sum, { in: width, out }) => sum + width + out * (1 + extras), 0);
  return planDeviceRoom({
    limit,
    held: deviceHeld().total,
    weights: weightBytesOf(graph) + smallInputs(options),
    bytesPerSlot: kvBytesPerToken(base) * maxLength,
    slots,
    mostSlots,
    bytesPerRow: 4 * widths * mostWindows,
    rows,
    mostRows,
  });
}

/** Bytes of tokens, positions, lengths and masks of all bindings, at most. */
function smallInputs({ modules, slots, mostSlots, rows, mostRows, prefillChunk }: DevicePlanOptions): number {
  const batch = slots ?? mostSlots;
  const window = modules.length === 0 ? 0 : (rows ?? mostRows) + 1;
  return mostWindows * (4 * batch * window + 32 * (batch + prefillChunk));
}
