import { Graph, type Attribute } from './graph.ts';

/** A function of a model: a named graph that nodes of its domain call as an operator. */
export interface ModelFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly graph: Graph;
  /** Attributes that a call must give. */
  readonly attributes: readonly string[];
  /** Attributes that a call may give, with their defaults. */
  readonly defaults: ReadonlyMap<string, Attribute>;
  readonly opsets: ReadonlyMap<string, number>;
  readonly docString: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** Fields of ONNX that this IR does not read, as they stood in the file. */
  readonly unknown: readonly Uint8Array[];
}

/** A graph, the operator sets that its nodes belong to, and what the file says about itself. */
export interface Model {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  domain: string;
  modelVersion: bigint;
  docString: string;
  readonly graph: Graph;
  /** Version of each operator set by domain; '' is ONNX's own. */
  readonly opsets: Map<string, number>;
  readonly functions: ModelFunction[];
  readonly metadata: Map<string, string>;
  /** Fields of ONNX that this IR does not read, as they stood in the file. */
  unknown: readonly Uint8Array[];
}

export interface ModelOptions {
  /** Version of ONNX's operators; 21 by default. */
  readonly opset?: number;
  /** 10 by default, which ONNX Runtime has read since 1.18. */
  readonly irVersion?: number;
  readonly graphName?: string;
}

/** An empty model for the operators of ONNX and of ONNX Runtime (`com.microsoft`). */
export function createModel({ opset = 21, irVersion = 10, graphName = 'main' }: ModelOptions = {}): Model {
  return {
    irVersion,
    producerName: 'espalier',
    producerVersion: '',
    domain: '',
    modelVersion: 0n,
    docString: '',
    graph: new Graph(graphName),
    opsets: new Map([
      ['', opset],
      ['com.microsoft', 1],
    ]),
    functions: [],
    metadata: new Map(),
    unknown: [],
  };
}
