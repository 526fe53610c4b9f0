import { breathe } from '../../core/index.ts';
import { gradientPasses, roundProducts, transposeBytes } from '../../autodiff/index.ts';
import { prepareGraph, type PreparedGraph } from '../../execution/index.ts';
import { exactDequantization, exactProducts, runPasses, type Value } from '../../ir/index.ts';
import { dropoutKeysInput, dropoutRatioInput, injectLanes } from '../../lora/index.ts';
import type { BaseModel } from '../../models/index.ts';
import { addGradients, type LossGraphOpening, openingOf, specOf } from '../graph/loss-graph.ts';
import { logitRowsOf, takeLossInChunks } from '../graph/logit-rows.ts';
import { buildObjective, type Objective } from '../graph/objective.ts';
import type { ParameterSpec } from '../graph/parameter-arena.ts';
import type { Trainable } from '../graph/trainable.ts';
import { giveTargetLosses } from './target-losses.ts';

/** What a training brings to the graph that it shares. */
export interface LaneInputs {
  readonly trainable: Pick<Trainable, 'lora' | 'dropout'>;
  readonly maxLength: number;
  /** The seed of its dropout masks. */
  readonly seed: number;
}

/** A training's own inputs and outputs of the shared graph. */
export interface Lane {
  /** What it trains, by the names that it would have alone, in the order that it would have alone. */
  readonly parameters: readonly ParameterSpec[];
  /** The input of each parameter, and the output with its gradient; no outputs in a graph for evaluation. */
  readonly inputOf: ReadonlyMap<string, string>;
  readonly gradientOf: ReadonlyMap<string, string>;
  /** The inputs of its dropout; undefined without dropout. */
  readonly dropout: { readonly ratio: string; readonly keys: string } | undefined;
}

/** A graph for the rows of several trainings, which computes the base once for all of them. */
export interface JointGraph extends PreparedGraph, LossGraphOpening {
  readonly lanes: readonly Lane[];
  /** The inputs with the number of rows of each lane, by the dimension that they divide. */
  readonly rowInputs: ReadonlyMap<string, string>;
  /** Whether every lane must have the same number of tokens. */
  readonly needsEqualTokens: boolean;
  /** The dimension of the targets. */
  readonly targets: string;
}

export interface JointGraphOptions {
  readonly objective: Objective;
  readonly gradients: boolean;
  readonly recompute?: boolean;
  /** As in `LossGraphOptions`. */
  readonly logitRows?: number | undefined;
  readonly pack?: boolean | undefined;
  readonly roundProducts?: boolean | undefined;
}

/**
 * Builds the base with an adapter for each training, up to the loss of each target. The loss that is differentiated is the sum over all:
 * a training's targets depend on no other training's adapter, so its gradient is that of its own loss.
 */
export async function createJointGraph(
  base: BaseModel,
  trainings: readonly LaneInputs[],
  { objective, gradients, recompute = false, logitRows, pack, roundProducts: isRounded }: JointGraphOptions,
): Promise<JointGraph> {
  const maxLength = Math.max(...trainings.map((training) => training.maxLength));
  const model = buildObjective(base, objective, { full: false, given: new Set(), maxLength });
  const { graph } = model;
  const data = new Set(graph.inputs);
  const targets = giveTargetLosses(model);
  await breathe();
  const adapters = trainings.map(({ trainable, seed }, lane) => ({
    adapter: laneName(lane),
    modules: trainable.lora ?? [],
    dropoutSeed: seed % 2 ** 31,
  }));
  // WHY not of padded rows: which of their tokens count is not told by their places.
  const equalRows = base.packsRows === true ? 'tokens' : undefined;
  const { rowInputs, needsEqualRows: needsEqualTokens } = injectLanes(model, adapters, { equalRows });
  await breathe();
  const added = graph.inputs.filter((input) => !data.has(input));
  const values = trainings.map((_, lane) => added.filter(({ name }) => isParameter(name, lane)));
  runPasses(model, [exactProducts, exactDequantization]);
  const rows = logitRows ?? logitRowsOf(base.config, { recompute });
  takeLossInChunks(model, { gradients, rows, roundProducts: isRounded });
  if (!gradients) runPasses(model, [isRounded === true ? roundProducts : transposeBytes]);
  const outputs = gradients
    ? addGradients(model, values.flat(), { recompute, maxLength, roundProducts: isRounded })
    : new Map<Value, Value>();
  await breathe();
  const opening = openingOf(graph, { recompute, pack });
  const prepared = await prepareGraph(model, { passes: gradients ? gradientPasses : [], baseDir: base.dir });
  const names = new Set(added.map(({ name }) => name));
  const lanes = values.map((inputs, lane) => laneOf(inputs, { lane, outputs, names }));
  return { ...prepared, ...opening, lanes, rowInputs, needsEqualTokens, targets };
}

function laneName(lane: number): string {
  return `lane${lane}`;
}

function inLane(name: string, lane: number): string {
  return `${name}.${laneName(lane)}`;
}

function isParameter(name: string, lane: number): boolean {
  const isDropout = [dropoutRatioInput, dropoutKeysInput].some((input) => name === inLane(input, lane));
  return name.endsWith(inLane('', lane)) && !isDropout;
}

function laneOf(
  inputs: readonly Value[],
  { lane, outputs, names }: { lane: number; outputs: ReadonlyMap<Value, Value>; names: ReadonlySet<string> },
): Lane {
  const own = (name: string): string => name.slice(0, -inLane('', lane).length);
  const dropout = { ratio: inLane(dropoutRatioInput, lane), keys: inLane(dropoutKeysInput, lane) };
  return {
    parameters: inputs.map((input) => ({ ...specOf(input), name: own(input.name) })),
    inputOf: new Map(inputs.map(({ name }) => [own(name), name])),
    gradientOf: new Map(
      inputs.flatMap((input) => {
        const output = outputs.get(input);
        return output === undefined ? [] : [[own(input.name), output.name] as const];
      }),
    ),
    dropout: names.has(dropout.ratio) ? dropout : undefined,
  };
}
