import { EspalierError } from '../../core/index.ts';
import type { Graph, Value } from '../../ir/index.ts';
import type { OnnxSource } from './graph-copy.ts';

/** The keys or values of one layer: the input from earlier runs and the output for later runs. */
export interface PastState {
  readonly layer: number;
  readonly part: 'key' | 'value';
  readonly past: Value;
  readonly present: Value | undefined;
}

/** The meaning of the inputs and outputs of a text model. */
export interface TextInterface {
  readonly inputIds: Value;
  readonly attentionMask: Value | undefined;
  readonly positionIds: Value | undefined;
  readonly tokenTypeIds: Value | undefined;
  readonly cachePosition: Value | undefined;
  /** Chooses the branch of a merged decoder. */
  readonly useCacheBranch: Value | undefined;
  /** How many positions get logits; 0 means all. */
  readonly logitsToKeep: Value | undefined;
  readonly states: readonly PastState[];
  /** [batch, seq, vocab], or [batch, classes] */
  readonly logits: Value | undefined;
  /** [batch, seq, hidden] */
  readonly hidden: Value | undefined;
}

const names = {
  inputIds: ['input_ids', 'input', 'tokens'],
  attentionMask: ['attention_mask', 'mask'],
  positionIds: ['position_ids'],
  tokenTypeIds: ['token_type_ids'],
  cachePosition: ['cache_position'],
  useCacheBranch: ['use_cache_branch'],
  logitsToKeep: ['num_logits_to_keep', 'logits_to_keep'],
} as const;

/** Whether a graph takes token ids: it has an integer input with one of the usual names. */
export function takesTokens(graph: Graph): boolean {
  const ids = graph.inputs.find((input) => names.inputIds.some((name) => name === input.name));
  return ids !== undefined && (ids.dtype === 'int64' || ids.dtype === 'int32');
}

/**
 * Finds the meaning of every input of a text model from the names that exporters use.
 * @throws EspalierError ONNX_MODEL_UNSUPPORTED, which lists every input whose meaning is unknown
 */
export function readInterface({ model: { graph }, path }: OnnxSource): TextInterface {
  const inputs = graph.inputs.filter(({ constant }) => constant === undefined);
  const find = (wanted: readonly string[]): Value | undefined => inputs.find(({ name }) => wanted.includes(name));
  const states = readStates(graph, inputs);
  const inputIds = find(names.inputIds);
  const known = new Set<Value | undefined>([...Object.values(names).map(find), ...states.map(({ past }) => past)]);
  const unknown = inputs.filter((input) => !known.has(input));
  if (inputIds === undefined || unknown.length > 0) {
    const listed = unknown.map(({ name }) => name).join(', ');
    const problems = inputIds === undefined ? 'it has no input input_ids' : `nothing is known of its inputs ${listed}`;
    throw new EspalierError('ONNX_MODEL_UNSUPPORTED', { path, problems });
  }
  const output = (...wanted: string[]): Value | undefined => graph.outputs.find(({ name }) => wanted.includes(name));
  return {
    inputIds,
    attentionMask: find(names.attentionMask),
    positionIds: find(names.positionIds),
    tokenTypeIds: find(names.tokenTypeIds),
    cachePosition: find(names.cachePosition),
    useCacheBranch: find(names.useCacheBranch),
    logitsToKeep: find(names.logitsToKeep),
    states,
    logits: output('logits') ?? onlyFloat(graph),
    hidden: output('last_hidden_state', 'hidden_states'),
  };
}

/** When a file has one output, its name does not matter. */
function onlyFloat({ outputs }: Graph): Value | undefined {
  const [first, ...more] = outputs.filter(({ name }) => name !== 'last_hidden_state' && !name.startsWith('present'));
  return more.length === 0 ? first : undefined;
}

/** The input and the output for the keys or values of a layer. */
export type WholeState = PastState & { readonly present: Value };

/** The keys and values of earlier tokens. Returns undefined when the file has none, or when an input has no matching output. */
export function wholeStates({ states }: TextInterface): readonly WholeState[] | undefined {
  const whole = states.flatMap((state): WholeState[] => {
    const { past, present } = state;
    return present !== undefined && isFloat(past.dtype) ? [{ ...state, present }] : [];
  });
  return whole.length > 0 && whole.length === states.length ? whole : undefined;
}

function isFloat(dtype: Value['dtype']): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';
}

function readStates(graph: Graph, inputs: readonly Value[]): PastState[] {
  const presents = new Map(graph.outputs.map((value) => [stateKey(value.name), value] as const));
  return inputs
    .flatMap((past) => {
      const key = stateKey(past.name);
      if (key === undefined) return [];
      const [layer = '', part] = key.split(' ');
      return {
        layer: Number(layer),
        part: part === 'key' ? ('key' as const) : ('value' as const),
        past,
        present: presents.get(key),
      };
    })
    .sort((a, b) => a.layer - b.layer || a.part.localeCompare(b.part));
}

/** `past_key_values.0.key`, `past_key_0`, `present.0.value`, `present_values_3`: the layer and the part. */
function stateKey(name: string): string | undefined {
  const rest = /^(?:past|present)(?:_key_values?)?(.*)$/.exec(name)?.[1];
  const layer = /\d+/.exec(rest ?? '')?.[0];
  const part = /(key|value)(?!.*(?:key|value))/.exec(rest ?? '')?.[1];
  return layer === undefined || part === undefined ? undefined : `${Number(layer)} ${part}`;
}
