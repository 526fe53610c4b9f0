import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { EspalierError, systemClock, type Clock } from '../../core/index.ts';
import { encodeModel } from '../../ir/index.ts';
import {
  builtProviders,
  hardwareDevices,
  openEnvironment,
  runOnce,
  vulkanDevices,
  type Environment,
  type ExecutionProvider,
  type HardwareDevice,
  type VulkanDevice,
} from '../../onnxruntime/index.ts';
import { typedArray } from '../../tensor/index.ts';
import { cacheFolder, keep, readKept } from '../kernels/cache.ts';
import { kernelModel } from '../kernels/kernel-forms.ts';
import { fastest, trialInput } from '../kernels/measure-kernels.ts';
import { chooseAutomatically, type AutoChoice, type ProviderFacts, type ProviderSpeed } from './provider-choice.ts';

export interface KnownProviders {
  readonly cpu: ProviderSpeed & { readonly processor: string };
  /** The providers besides the CPU that Espalier can use, whether they are there or not. */
  readonly others: readonly (ProviderFacts & { readonly devices: readonly string[] })[];
  /** What `auto` takes. */
  readonly auto: AutoChoice;
  /** Version of ONNX Runtime. */
  readonly library: string;
  readonly threads: number;
  /** The file that keeps what was measured. It may be deleted at any time. */
  readonly path: string;
}

const speed = z.object({ decode: z.number(), prefill: z.number() });
const stored = z.object({ cpu: speed, others: z.partialRecord(z.enum(['webgpu', 'cuda']), speed) });

type Measured = z.output<typeof stored>;

export interface KnownProvidersOptions {
  readonly threads: number;
  readonly folder?: string;
  readonly clock?: Clock;
}

/**
 * What execution providers there are, on which devices, and why one cannot be used. How fast they are is measured once for each
 * processor, set of devices, library and number of threads, and kept in a file of the cache folder. A software driver is not measured,
 * since `auto` never takes it. Opens an environment of its own, so none may be open.
 */
export async function knownProviders(options: KnownProvidersOptions): Promise<KnownProviders> {
  const { threads, folder = cacheFolder(), clock = systemClock } = options;
  using environment = openEnvironment({ threads });
  const processor = cpus()[0]?.model.trim() ?? 'unknown';
  const hardware = hardwareDevices(environment);
  const vulkan = vulkanDevices();
  const facts = [];
  for (const provider of ['webgpu', 'cuda'] as const) {
    facts.push(await factsOf(provider, { environment, hardware, vulkan }));
  }
  const key = { processor, library: environment.version, threads, hardware, vulkan };
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex');
  const path = join(folder, `providers-${hash.slice(0, 16)}.json`);
  const wanted = facts.flatMap(({ provider, problem, isSoftware }) => ((problem ?? isSoftware) ? [] : [provider]));
  const kept = await readKept(path, stored);
  const isWhole = kept !== undefined && wanted.every((provider) => kept.others[provider] !== undefined);
  const measured = isWhole ? kept : await measure(environment, wanted, clock);
  if (!isWhole) await keep(path, measured);
  const others = facts.map((each) => ({
    ...each,
    speed: wanted.includes(each.provider) ? measured.others[each.provider] : undefined,
  }));
  const auto = chooseAutomatically(measured.cpu, others);
  return { cpu: { processor, ...measured.cpu }, others, auto, library: environment.version, threads, path };
}

interface Surroundings {
  readonly environment: Environment;
  readonly hardware: readonly HardwareDevice[];
  readonly vulkan: readonly VulkanDevice[] | string;
}

async function factsOf(
  provider: 'webgpu' | 'cuda',
  { environment, hardware, vulkan }: Surroundings,
): Promise<Omit<KnownProviders['others'][number], 'speed'>> {
  const found = hardware.filter((device) => device.provider === provider && device.kind === 'gpu');
  const listed = provider === 'webgpu' && typeof vulkan !== 'string' ? vulkan : [];
  const devices = [
    ...found.map(({ vendor, deviceId }) => `${vendor || 'a GPU'} 0x${deviceId.toString(16)}`),
    ...listed.map(({ name, kind }) => `${name} (Vulkan, ${kind})`),
  ];
  // WHY both: a driver of software may be the only one that the system names, although there is a GPU.
  const isSoftware =
    provider === 'webgpu' &&
    (found.length === 0 || (listed.length > 0 && listed.every(({ kind }) => kind === 'software')));
  const problem = await problemOf(environment, provider);
  return { provider, devices, isSoftware, problem: problem && explained(problem, provider, vulkan) };
}

function explained(problem: string, provider: ExecutionProvider, vulkan: Surroundings['vulkan']): string {
  return provider === 'webgpu' && typeof vulkan === 'string' ? `${vulkan}; ONNX Runtime says: ${problem}` : problem;
}

/** Tries a small product. @returns why it fails, or undefined */
async function problemOf(environment: Environment, provider: 'webgpu' | 'cuda'): Promise<string | undefined> {
  if (!builtProviders().has(provider)) return 'this build of ONNX Runtime does not have it';
  try {
    using session = await environment.createSession(encodeModel(kernelModel('float32')), { provider });
    const [y] = Object.values(await runOnce(session, { x: trialInput(1) }));
    const isFinite = y !== undefined && Array.from(typedArray(y), Number).every(Number.isFinite);
    return isFinite ? undefined : 'a trial gave no numbers';
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    return String(error.details['reason'] ?? error.message);
  }
}

async function measure(
  environment: Environment,
  wanted: readonly ('webgpu' | 'cuda')[],
  clock: Clock,
): Promise<Measured> {
  const others: Partial<Record<'webgpu' | 'cuda', ProviderSpeed>> = {};
  const cpu = await speedOf(environment, 'cpu', clock);
  for (const provider of wanted) others[provider] = await speedOf(environment, provider, clock);
  return { cpu, others };
}

async function speedOf(environment: Environment, provider: ExecutionProvider, clock: Clock): Promise<ProviderSpeed> {
  using session = await environment.createSession(encodeModel(kernelModel('float32')), { provider });
  const trials = [{ session }];
  const [[decode = 0], [prefill = 0]] = [await fastest(trials, 8, clock), await fastest(trials, 128, clock)];
  return { decode, prefill };
}
