import { openGraph } from '../../execution/index.ts';
import type { Model } from '../../ir/index.ts';
import { openEnvironment, type Environment, type Session } from '../../onnxruntime/index.ts';

// `npm run test:webgpu -- --all` runs golden tests of the CPU a second time, with this variable.
const isOnDevice = process.env['ESPALIER_GOLDEN_PROVIDER'] === 'webgpu';

/** Where tests run on WebGPU: on a device that outlives its sessions, so that its shaders are compiled once. */
export const onWebGpu = { threads: 1, provider: 'webgpu', providerOptions: { preserveDevice: '1' } } as const;

/** An environment on one thread where golden cases run: the CPU, or a device. The caller owns it. */
export function openGoldenEnvironment(): Environment {
  return openEnvironment(isOnDevice ? onWebGpu : { threads: 1 });
}

/** The limit of an error: as given on the CPU, and at least 1e-3 on a device, whose kernels sum in other orders. */
export function goldenLimit(onCpu: number): number {
  return isOnDevice ? Math.max(onCpu, 1e-3) : onCpu;
}

/** @returns the error. On a device it is printed, so that a run of all cases leaves its figures. */
export function reported(error: number, what: string): number {
  if (isOnDevice) process.stdout.write(`${what} ${error.toExponential(1)}\n`);
  return error;
}

/** The cases that run: on a device `WEBGPU_CASES`, a regular expression, takes fewer of them. */
export function goldenCasesHere(names: readonly string[]): readonly string[] {
  return isOnDevice ? chosenCases(names) : names;
}

/** The cases that `WEBGPU_CASES`, a regular expression, takes; all of them without it. */
export function chosenCases(names: readonly string[]): readonly string[] {
  const chosen = new RegExp(process.env['WEBGPU_CASES'] ?? '');
  return names.filter((name) => chosen.test(name));
}

/** A session over a graph, with the passes that its provider needs. The caller owns it. */
export async function openGoldenSession(
  model: Model,
  { environment, baseDir }: { readonly environment: Environment; readonly baseDir: string },
): Promise<Session> {
  return (await openGraph(model, { environment, baseDir })).session;
}
