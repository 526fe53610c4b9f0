import type { BaseModel } from '../../models/index.ts';
import { pairCostOf } from '../data/batch-source.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { packedCost, paddedCost, type PassCost } from '../data/split-by-length.ts';
import { rectangleOf } from '../memory/batch-dims.ts';
import { elementCount } from '../../tensor/index.ts';

/**
 * Tokens of a pass of several trainings at most. WHY: beyond it a pass is not faster for each token, and takes more memory (`LOG.md`,
 * 2026-12-01).
 */
export const defaultPassTokens = 512;

/** The rows of one lane, which are not divided. */
export interface LaneRows {
  readonly lane: number;
  readonly rows: number;
  readonly longest: number;
  readonly tokens: number;
}

export interface PassLimits {
  readonly costOf: PassCost;
  /** Tokens of a pass of several lanes at most. */
  readonly maxTokens: number;
  /** Whether each lane of a pass is given as many tokens as the one with the most. Default: false. */
  readonly equalTokens?: boolean | undefined;
}

/**
 * Divides lanes into passes with the least total cost. Lanes whose rows have similar lengths are together, because attention is computed
 * for all rows as if they were as long as the longest.
 *
 * @returns the numbers of the lanes of each pass; each lane in exactly one
 */
export function planPasses(lanes: readonly LaneRows[], { costOf, maxTokens, equalTokens }: PassLimits): number[][] {
  const sorted = lanes.toSorted((a, b) => a.longest - b.longest || a.lane - b.lane);
  const cheapest = [{ cost: 0, start: 0 }];
  for (const [last, { longest }] of sorted.entries()) {
    let best = { cost: Infinity, start: last };
    let [rows, most, sum] = [0, 0, 0];
    for (let start = last; start >= 0; start--) {
      const own = sorted[start]?.tokens ?? 0;
      rows += sorted[start]?.rows ?? 0;
      sum += own;
      most = Math.max(most, own);
      const tokens = equalTokens === true ? most * (last - start + 1) : sum;
      if (start < last && tokens > maxTokens) break;
      const cost = (cheapest[start]?.cost ?? 0) + costOf({ rows, longest, tokens });
      // WHY <=: of plans with equal cost, this chooses the one with the fewest passes.
      if (cost <= best.cost) best = { cost, start };
    }
    cheapest.push(best);
  }
  const passes: number[][] = [];
  for (let end = sorted.length; end > 0; end = cheapest[end]?.start ?? 0) {
    const lanesOf = sorted.slice(cheapest[end]?.start ?? 0, end).map(({ lane }) => lane);
    passes.unshift(lanesOf.sort((a, b) => a - b));
  }
  return passes;
}

/** Plans the passes of micro-batches, by the numbers of their lanes. */
export function planMicroBatches(
  batches: ReadonlyMap<number, MicroBatch>,
  {
    base,
    ...limits
  }: { readonly base: Pick<BaseModel, 'packsRows' | 'config'> } & Pick<PassLimits, 'maxTokens' | 'equalTokens'>,
): number[][] {
  const lanes = [...batches].map(([lane, micro]) => ({ lane, ...rowsOf(micro) }));
  const costOf = base.packsRows === true ? packedCost(pairCostOf(base.config)) : paddedCost;
  return planPasses(lanes, { costOf, ...limits });
}

function rowsOf({ feeds }: MicroBatch): Omit<LaneRows, 'lane'> {
  const [rows, longest] = rectangleOf({ feeds });
  return { rows, longest, tokens: elementCount(feeds.get('input_ids')?.shape ?? [rows, longest]) };
}
