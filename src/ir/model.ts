import { Graph, type Attribute } from './graph.ts';

/** A function of a model: a named graph that nodes of its domain call as an operator. */
export interface ModelFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly graph: Graph;
  /** Names of the attributes that a call must have. */
  readonly attributes: readonly string[];
  /** Optional attributes of a call and their defaults. */
  readonly defaults: ReadonlyMap<string, Attribute>;
  readonly opsets: ReadonlyMap<string, number>;
  readonly docString: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** ONNX fields that this IR does not read, as their bytes in the file. */
  readonly unknown: readonly Uint8Array[];
}

/** A graph, the versions of its operator sets, its functions, and the metadata of its file. */
export interface Model {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  domain: string;
  modelVersion: bigint;
  docString: string;
  readonly graph: Graph;
  /** Version of each operator set by domain; '' is the domain of ONNX. */
  readonly opsets: Map<string, number>;
  readonly functions: ModelFunction[];
  readonly metadata: Map<string, string>;
  /** ONNX fields that this IR does not read, as their bytes in the file. */
  unknown: readonly Uint8Array[];
}

export interface ModelOptions {
  /** Version of ONNX's operator set. Default: 21. */
  readonly opset?: number;
  /** Default: 10, which ONNX Runtime supports since 1.18. */
  readonly irVersion?: number;
  readonly graphName?: string;
}

/** Creates an empty model that may use the operators of ONNX and of ONNX Runtime (`com.microsoft`). */
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
