import { openGraph } from '../../execution/index.ts';
import type { Model } from '../../ir/index.ts';
import { runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import type { BaseModel } from '../base-model.ts';
import { buildScoringGraph } from '../graphs.ts';

export interface ScoringRun {
  readonly base: BaseModel;
  readonly environment: Environment;
  /** Changes the graph before it is loaded. */
  readonly change?: (model: Model) => void;
  /** Further inputs. */
  readonly feeds?: Readonly<Record<string, TensorData>>;
}

/** The logits of every position of some rows, each f32 [length, vocab], from one run of the scoring graph over the padded rows. */
export async function scoreRows(run: ScoringRun, rows: readonly (readonly number[])[]): Promise<Float32Array[]> {
  const model = buildScoringGraph(run.base);
  run.change?.(model);
  using graph = await openGraph(model, { environment: run.environment, baseDir: run.base.dir });
  const seq = Math.max(...rows.map((row) => row.length));
  const padded = rows.flatMap((row) => [...row, ...Array.from({ length: seq - row.length }, () => 0)]);
  const wanted = rows.flatMap((row, r) => row.map((_, i) => r * seq + i));
  const { logits } = await runOnce(graph.session, {
    input_ids: tensorOf('int64', [rows.length, seq], padded),
    rows: tensorOf('int64', [wanted.length], wanted),
    ...run.feeds,
  });
  const values = logits ? toFloat32(logits) : new Float32Array();
  const { vocabSize } = run.base.config;
  let start = 0;
  return rows.map((row) => values.subarray(start, (start += row.length * vocabSize)));
}
