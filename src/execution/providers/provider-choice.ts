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
