import { openGraph } from '../../execution/index.ts';
import type { Model } from '../../ir/index.ts';
import { openEnvironment, type Environment, type Session } from '../../onnxruntime/index.ts';

// `npm run test:webgpu -- --all` runs golden tests of the CPU a second time, with this variable.
const isOnDevice = process.env['ESPALIER_GOLDEN_PROVIDER'] === 'webgpu';

/** An environment on one thread where golden cases run: the CPU, or a device. The caller owns it. */
export function openGoldenEnvironment(): Environment {
  // WHY a device that outlives its sessions: its shaders are compiled once.
  if (isOnDevice) return openEnvironment({ threads: 1, provider: 'webgpu', providerOptions: { preserveDevice: '1' } });
  return openEnvironment({ threads: 1 });
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
  if (!isOnDevice) return names;
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
