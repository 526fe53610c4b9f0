import { EspalierError } from '../core/index.ts';
import { openPreparedGraph, prepareGraph, type PreparedGraph } from '../execution/index.ts';
import { decodeModel, type Pass } from '../ir/index.ts';
import { matchTargets, stackedLoraPass } from '../lora/index.ts';
import { buildDecodeGraph, buildScoringGraph, openBaseModel, type BaseModel } from '../models/index.ts';
import type { AssignedNode, Environment } from '../onnxruntime/index.ts';
import { createLossGraph } from '../train/index.ts';
import type { Inspection } from './inspect-path.ts';

/** Where the nodes of one graph of a model run. */
interface GraphPlaces {
  readonly graph: 'decode' | 'scoring' | 'training';
  /** Nodes as Espalier gives them to ONNX Runtime. */
  readonly nodes: number;
  /** Those that run on the CPU, as ONNX Runtime records it before it fuses nodes. */
  readonly onCpu: readonly AssignedNode[];
}

/** Rows and positions matter not: the places of nodes depend on operators and types. */
const maxLength = 128;

/**
 * Describes where the nodes of a model's graphs run: those of decode steps with room for adapters, of scoring, and of a training of an
 * adapter. ONNX Runtime itself records which nodes run on the CPU.
 *
 * @throws EspalierError CLI_CONFLICT on the CPU, where all nodes run on it; PROVIDER_UNAVAILABLE
 */
export async function inspectGraphs(path: string, environment: Environment): Promise<Inspection> {
  const { provider } = environment;
  if (provider === 'cpu') {
    throw new EspalierError('CLI_CONFLICT', {
      expected: 'a provider besides the CPU for --graph, such as --provider webgpu',
      actual: 'the CPU, on which every node runs',
    });
  }
  const base = await openBaseModel(path);
  const graphs: GraphPlaces[] = [];
  for (const [graph, prepare] of Object.entries(preparations) as [GraphPlaces['graph'], Preparation][]) {
    const prepared = await prepare(base);
    if (prepared) graphs.push(await placesOf(graph, prepared, environment));
  }
  return { answer: { kind: 'graphs', provider, graphs }, text: textOf(graphs, provider) };
}

type Preparation = (base: BaseModel) => Promise<PreparedGraph | undefined>;

const preparations: Readonly<Record<GraphPlaces['graph'], Preparation>> = {
  decode: async (base) => {
    if (base.graphs.decode === undefined) return undefined;
    return prepareGraph(buildDecodeGraph(base, { maxLength }), { passes: adapterPasses(base), baseDir: base.dir });
  },
  scoring: async (base) => {
    if (base.graphs.scoring === undefined) return undefined;
    return prepareGraph(buildScoringGraph(base, { maxLength }), { passes: adapterPasses(base), baseDir: base.dir });
  },
  training: async (base) => {
    if (base.task !== undefined && base.task !== 'causal-lm') return undefined;
    const lora = matchTargets(base.modules, 'all-linear').modules.map((module) => {
      return { path: module, rank: 8, scaling: 2, dropout: 0 };
    });
    const trainable = { lora, whole: new Set<string>() };
    return createLossGraph(base, { trainable, objective: { kind: 'next-token' }, maxLength, gradients: true });
  },
};

function adapterPasses(base: BaseModel): Pass[] {
  return [stackedLoraPass(matchTargets(base.modules, 'all-linear').modules)];
}

async function placesOf(
  graph: GraphPlaces['graph'],
  prepared: PreparedGraph,
  environment: Environment,
): Promise<GraphPlaces> {
  const { nodes } = decodeModel(prepared.bytes).graph;
  using open = await openPreparedGraph(prepared, { environment, session: { recordsAssignment: true } });
  return { graph, nodes: nodes.length, onCpu: open.session.nodesOnCpu() };
}

function textOf(graphs: readonly GraphPlaces[], provider: string): string {
  const parts = graphs.map(({ graph, nodes, onCpu }) => {
    const counts = new Map<string, number>();
    for (const { opType } of onCpu) counts.set(opType, (counts.get(opType) ?? 0) + 1);
    const list = [...counts].toSorted((a, b) => b[1] - a[1]).map(([opType, count]) => `${opType} ${count}`);
    return `${graph.padEnd(10)}${nodes} nodes, of which ${onCpu.length} on the CPU${list.length > 0 ? `: ${list.join(', ')}` : ''}`;
  });
  return [`provider  ${provider}`, ...parts].join('\n');
}
