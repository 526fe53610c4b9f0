/**
 * Work that was done for somebody: a caller, one of the caller's adapters, one of its requests. Who has been given least comes next
 * (Sheng et al. 2024, "Fairness in Serving Large Language Models": virtual token counters).
 */
export interface Flow {
  /** Prompt tokens that were run, and tokens that were drawn. */
  served: number;
  /** Sequences that wait or run. */
  live: number;
  readonly name: FlowName;
  readonly parts: Map<FlowName, Flow>;
}

/** Objects stand for themselves. */
export type FlowName = string | number | object;

/** From the caller down. */
export type FlowPath = readonly FlowName[];

/** Callers without a sequence whose counts are remembered, so that leaving and coming back wins nothing. */
const rememberedCallers = 1024;

export function createFlow(name: FlowName = ''): Flow {
  return { served: 0, live: 0, name, parts: new Map() };
}

/**
 * Counts a sequence in.
 * @returns the flows along its path, the caller's first
 */
export function enterFlows(root: Flow, path: FlowPath): readonly Flow[] {
  let parent = root;
  return path.map((name) => {
    const flow = parent.parts.get(name) ?? createFlow(name);
    // WHY lifted: whoever was away has not saved up what the others were given meanwhile.
    if (flow.live === 0) flow.served = Math.max(flow.served, leastServed(parent));
    flow.live++;
    parent.parts.set(name, flow);
    parent = flow;
    return flow;
  });
}

/** Counts a sequence out. @param flows  what `enterFlows` returned, once */
export function leaveFlows(root: Flow, flows: readonly Flow[]): void {
  let parent = root;
  for (const flow of flows) {
    flow.live--;
    if (flow.live === 0) {
      parent.parts.delete(flow.name);
      // Set anew, so that the callers who left last are the last to be forgotten.
      if (parent === root) root.parts.set(flow.name, flow);
    }
    parent = flow;
  }
  if (root.parts.size > 2 * rememberedCallers) forgetIdle(root);
}

export function charge(flows: readonly Flow[], tokens: number): void {
  for (const flow of flows) flow.served += tokens;
}

/**
 * Whether the first is to run before the second: at the first step where their paths part, the one that was given less.
 * Where both were given the same, neither precedes the other.
 */
export function isServedLess(flows: readonly Flow[], others: readonly Flow[]): boolean {
  for (let level = 0; level < flows.length; level++) {
    const [flow, other] = [flows[level], others[level]];
    if (flow === undefined || other === undefined || flow === other) continue;
    return flow.served < other.served;
  }
  return false;
}

function leastServed({ parts }: Flow): number {
  let least = Infinity;
  for (const { live, served } of parts.values()) if (live > 0) least = Math.min(least, served);
  return least === Infinity ? 0 : least;
}

function forgetIdle(root: Flow): void {
  const idle = [...root.parts.values()].filter(({ live }) => live === 0);
  for (const { name } of idle.slice(0, -rememberedCallers)) root.parts.delete(name);
}
