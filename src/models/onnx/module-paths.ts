import type { Node, Value } from '../../ir/index.ts';

/**
 * The path that an exporter left of the module which a node computes, as far as it left one:
 *
 * - torch.onnx (dynamo) writes the chain of modules into the node's metadata;
 * - torch.onnx (TorchScript), optimum and onnxruntime-genai name nodes `/model/layers.0/self_attn/q_proj/MatMul`;
 * - most write weights as `model.layers.0.self_attn.q_proj.weight`;
 * - what is left is the node's name, or else its weight's.
 */
export function modulePathOf(node: Node, weight: Value): string {
  // A convolution that took a norm in carries the norm's place, and still its own weight's name.
  const own = node.opType === 'Conv' ? weightPath(weight.name) : undefined;
  return own ?? scopedPath(node) ?? slashedPath(node.name) ?? weightPath(weight.name) ?? (node.name || weight.name);
}

/** Of `['', 'm', 'm.model.layers.0.mlp.up_proj', 'linear_5']` the last module: what stands before the node's own name. */
function scopedPath(node: Node): string | undefined {
  const text = node.metadata.get('pkg.torch.onnx.name_scopes');
  const names = text === undefined ? [] : Array.from(text.matchAll(/'((?:[^'\\]|\\.)*)'/g), ([, name]) => name ?? '');
  return names.at(-2) || undefined;
}

/** `/model/layers.0/mlp/up_proj/MatMul_Q4`; a container that is called repeats its name: `/net/net.0/Gemm`. */
function slashedPath(name: string): string | undefined {
  if (!name.startsWith('/')) return undefined;
  const parts = name.split('/').slice(1, -1);
  const own = parts.filter((part, i) => !(parts[i + 1] ?? '').startsWith(`${part}.`));
  return own.length > 0 ? own.join('.') : undefined;
}

/** `model.layers.0.mlp.up_proj.weight`, `...up_proj.MatMul.weight_Q4`; names such as `onnx::MatMul_123` and `val_91` say nothing. */
function weightPath(name: string): string | undefined {
  const path = /^([\w.]+?)(?:\.MatMul)?\.q?weight(?:_\w+)?$/.exec(name)?.[1];
  return path === undefined || path === '' ? undefined : path;
}

/** First names of modules in Hugging Face's networks. */
const roots = new Set(
  (
    'model transformer bert roberta distilbert electra deberta gpt_neox gptj lm_head embed_out classifier pre_classifier ' +
    'score qa_outputs embeddings encoder decoder pooler backbone'
  ).split(' '),
);

/**
 * Takes off the name of a wrapper around the network (`m.model.layers...`, `m.lm_head`), which exporters' scripts add and no adapter
 * knows. Only where all paths share it and what is left begins as Hugging Face's networks do: anywhere else it may be the network's own.
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
