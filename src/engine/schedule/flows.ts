/**
 * The work that was done for a caller, for one of the caller's users, for one of the user's adapters, or for one of its
 * requests. The flow with the least work is served next (Sheng et al. 2024, "Fairness in Serving Large Language Models": virtual token counters).
 */
export interface Flow {
  /** Number of prompt tokens that were run, and of tokens that were drawn. */
  served: number;
  /** Number of sequences that wait or run. */
  live: number;
  readonly name: FlowName;
  readonly parts: Map<FlowName, Flow>;
}

/** Objects are compared by identity. */
export type FlowName = string | number | object;

/** Names from the caller down. */
export type FlowPath = readonly FlowName[];

/** Number of callers without a sequence whose counts are remembered, so that a caller gains nothing by leaving and returning. */
const rememberedCallers = 1024;

export function createFlow(name: FlowName = ''): Flow {
  return { served: 0, live: 0, name, parts: new Map() };
}

/**
 * Adds a sequence to the flows of its path.
 * @returns the flows of its path, the caller's first
 */
export function enterFlows(root: Flow, path: FlowPath): readonly Flow[] {
  let parent = root;
  return path.map((name) => {
    const flow = parent.parts.get(name) ?? createFlow(name);
    // WHY raised: a caller that was away must not get a credit for the work that others were given meanwhile.
    if (flow.live === 0) flow.served = Math.max(flow.served, leastServed(parent));
    flow.live++;
    parent.parts.set(name, flow);
    parent = flow;
    return flow;
  });
}

/** Removes a sequence from its flows. @param flows the result of `enterFlows`; pass it once */
export function leaveFlows(root: Flow, flows: readonly Flow[]): void {
  let parent = root;
  for (const flow of flows) {
    flow.live--;
    if (flow.live === 0) {
      parent.parts.delete(flow.name);
      // Set again, so that the callers that left last are forgotten last.
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
 * Whether the first path is to be served before the second. At the first level where the paths differ, the flow with less work goes
 * first. With equal work, neither precedes the other.
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
