import type { ExecutionProvider } from '../../onnxruntime/index.ts';

/** What a user may ask for. `auto` takes a GPU where it measured faster. */
export const providerChoices = ['auto', 'cpu', 'webgpu', 'cuda'] as const;

export type ProviderChoice = (typeof providerChoices)[number];

/** The speed of a provider on one linear layer, in billions of operations in a second. */
export interface ProviderSpeed {
  readonly decode: number;
  readonly prefill: number;
}

/** What was found out about a provider of a GPU. */
export interface ProviderFacts {
  readonly provider: Exclude<ExecutionProvider, 'cpu'>;
  /** Why it cannot be used; undefined if it can. */
  readonly problem: string | undefined;
  /** Whether it computes on the CPU, through a software driver. */
  readonly isSoftware: boolean;
  /** undefined if it was not measured. */
  readonly speed: ProviderSpeed | undefined;
}

export interface AutoChoice {
  readonly provider: ExecutionProvider;
  /** Why, in words. */
  readonly reason: string;
}

/** What a model needs on a device, and what it may have there, in bytes. */
export interface RoomOnDevice {
  /** Undefined if it is not known before the model is opened. */
  readonly weights: number | undefined;
  /** Undefined for as many as the device gives. */
  readonly deviceMemory: number | undefined;
}

/** What `auto` takes for a model, given what it takes without one: the CPU where the model's weights alone exceed their room. */
export function whereItFits(choice: AutoChoice, { weights = 0, deviceMemory = Infinity }: RoomOnDevice): AutoChoice {
  if (choice.provider === 'cpu' || weights <= deviceMemory) return choice;
  const reason = `the weights (${weights} bytes) exceed what may be held on the device (${deviceMemory} bytes)`;
  return { provider: 'cpu', reason };
}

/**
 * Decides what `auto` takes: the fastest GPU that is faster than the CPU for decode steps and for prefills. A software driver is never
 * taken, and what was not measured is not either.
 */
export function chooseAutomatically(cpu: ProviderSpeed, others: readonly ProviderFacts[]): AutoChoice {
  const reasons: string[] = [];
  let best: { readonly provider: ExecutionProvider; readonly speed: ProviderSpeed } | undefined;
  for (const { provider, problem, isSoftware, speed } of others) {
    if (problem !== undefined) reasons.push(`${provider} cannot be used`);
    else if (isSoftware) reasons.push(`${provider} has a software driver`);
    else if (speed === undefined) reasons.push(`${provider} was not measured`);
    else if (speed.decode <= cpu.decode || speed.prefill <= cpu.prefill) reasons.push(`${provider} is not faster`);
    else if (best === undefined || speed.decode > best.speed.decode) best = { provider, speed };
  }
  if (best === undefined) return { provider: 'cpu', reason: reasons.join(', ') || 'there is nothing else' };
  const times = (best.speed.decode / cpu.decode).toPrecision(2);
  return { provider: best.provider, reason: `it does ${times} times the work of the CPU in decode steps` };
}
