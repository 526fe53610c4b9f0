import type { Node, Value } from '../../ir/index.ts';

/**
 * Finds the path of the module that a node computes, as far as the exporter kept it:
 *
 * - torch.onnx (dynamo) writes the chain of modules into the metadata of the node;
 * - torch.onnx (TorchScript), optimum and onnxruntime-genai name nodes `/model/layers.0/self_attn/q_proj/MatMul`;
 * - most write weights as `model.layers.0.self_attn.q_proj.weight`;
 * - otherwise it is the name of the node, or else the name of its weight.
 */
export function modulePathOf(node: Node, weight: Value): string {
  // A convolution with a folded norm has the metadata of the norm, but its weight keeps the name.
  const own = node.opType === 'Conv' ? weightPath(weight.name) : undefined;
  return own ?? scopedPath(node) ?? slashedPath(node.name) ?? weightPath(weight.name) ?? (node.name || weight.name);
}

/** Returns the last module of `['', 'm', 'm.model.layers.0.mlp.up_proj', 'linear_5']`: the entry before the name of the node. */
function scopedPath(node: Node): string | undefined {
  const text = node.metadata.get('pkg.torch.onnx.name_scopes');
  const names = text === undefined ? [] : Array.from(text.matchAll(/'((?:[^'\\]|\\.)*)'/g), ([, name]) => name ?? '');
  return names.at(-2) || undefined;
}

/** Reads `/model/layers.0/mlp/up_proj/MatMul_Q4`. A container repeats its name: `/net/net.0/Gemm`. */
function slashedPath(name: string): string | undefined {
  if (!name.startsWith('/')) return undefined;
  const parts = name.split('/').slice(1, -1);
  const own = parts.filter((part, i) => !(parts[i + 1] ?? '').startsWith(`${part}.`));
  return own.length > 0 ? own.join('.') : undefined;
}

/** Reads `model.layers.0.mlp.up_proj.weight` and `...up_proj.MatMul.weight_Q4`. Names such as `onnx::MatMul_123` contain no path. */
function weightPath(name: string): string | undefined {
  const path = /^([\w.]+?)(?:\.MatMul)?\.q?weight(?:_\w+)?$/.exec(name)?.[1];
  return path === undefined || path === '' ? undefined : path;
}

/** The first parts of module paths in the networks of Hugging Face. */
const roots = new Set(
  (
    'model transformer bert roberta distilbert electra deberta gpt_neox gptj lm_head embed_out classifier pre_classifier ' +
    'score qa_outputs embeddings encoder decoder pooler backbone'
  ).split(' '),
);

/**
 * Removes the name of a wrapper around the network (`m.model.layers...`, `m.lm_head`). Export scripts add it, and adapters do not have
 * it. It is removed only if all paths share it and the rest begins as in the networks of Hugging Face. Otherwise it may belong to the
 * network.
 */
export function withoutWrapper(paths: readonly string[]): (path: string) => string {
  const [first] = paths;
  const wrapper = first?.slice(0, first.indexOf('.') + 1) ?? '';
  const isShared = wrapper !== '' && paths.every((path) => path.startsWith(wrapper));
  if (!isShared) return (path) => path;
  const inner = new Set(paths.map((path) => path.slice(wrapper.length).split('.')[0] ?? ''));
  const isWrapper =
    [...inner].every((name) => roots.has(name)) && (!roots.has(wrapper.slice(0, -1)) || inner.has('lm_head'));
  return isWrapper ? (path) => path.slice(wrapper.length) : (path) => path;
}
