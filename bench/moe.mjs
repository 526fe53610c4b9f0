// What a mixture of experts costs beside a dense model with its active parameters: decoding one row, and a prefill, both bases in one
// process by turns. Ratios only: absolute times move with the load of the machine.
//
//   UV_THREADPOOL_SIZE=8 node bench/moe.mjs [--hidden 1024] [--inner 256] [--experts 64] [--active 8] [--layers 4] [--prompt 128]
//       [--steps 24] [--rounds 5] [--threads 2] [--json]
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openEngine } from '#internal/engine';
import { openBaseModel } from '#internal/models';
import { openEnvironment } from '#internal/onnxruntime';
import { tensorOf, writeSafetensors } from '#internal/tensor';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    hidden: { type: 'string', default: '1024' },
    inner: { type: 'string', default: '256' },
    experts: { type: 'string', default: '64' },
    active: { type: 'string', default: '8' },
    layers: { type: 'string', default: '4' },
    prompt: { type: 'string', default: '128' },
    steps: { type: 'string', default: '24' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
});
const number = (name) => Number(values[name]);
const [hidden, inner, experts, active, layers] = ['hidden', 'inner', 'experts', 'active', 'layers'].map(number);
const [prompt, steps, rounds] = ['prompt', 'steps', 'rounds'].map(number);
const vocab = 512;
let state = 1;

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const environment = openEnvironment({ threads: number('threads') });
const engines = {};
try {
  for (const kind of ['dense', 'mixture']) {
    const base = await openBaseModel(await writeBase(join(folder, kind), kind));
    engines[kind] = await openEngine({
      base,
      environment,
      maxSlots: 1,
      maxLength: prompt + steps + 8,
      prefillChunk: prompt,
      adapterTargets: false,
    });
  }
  const times = { dense: { prefill: [], decode: [] }, mixture: { prefill: [], decode: [] } };
  for (let round = 0; round <= rounds; round++) {
    for (const kind of ['dense', 'mixture']) {
      const [first, ...rest] = await generate(engines[kind], round);
      // The first round warms up.
      if (round > 0) times[kind].prefill.push(first);
      if (round > 0) times[kind].decode.push(...rest);
    }
  }
  report(times);
} finally {
  for (const engine of Object.values(engines)) await engine.dispose();
  environment.dispose();
  await rm(folder, { recursive: true });
}

/** @returns the milliseconds to the first token, and between tokens after it */
async function generate(engine, round) {
  const tokens = Array.from({ length: prompt }, (_, i) => 5 + ((i * 7919 + round * 104729) % (vocab - 5)));
  const gaps = [];
  let last = performance.now();
  for await (const _ of engine.generate({ tokens, maxTokens: steps, temperature: 0, stopTokenIds: [] })) {
    gaps.push(performance.now() - last);
    last = performance.now();
  }
  return gaps;
}

function report(times) {
  const ms = (kind, part) => median(times[kind][part]);
  const result = {
    sizes: { hidden, inner, experts, active, layers, prompt },
    decodeRatio: ms('mixture', 'decode') / ms('dense', 'decode'),
    prefillRatio: ms('mixture', 'prefill') / ms('dense', 'prefill'),
    denseDecodeMs: ms('dense', 'decode'),
    densePrefillMs: ms('dense', 'prefill'),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const line = (name, ratio, of) => `${name}: ${ratio.toFixed(2)} times the dense model's ${of.toFixed(1)} ms`;
    const lines = [
      line('decode', result.decodeRatio, result.denseDecodeMs),
      line(`prefill of ${prompt}`, result.prefillRatio, result.densePrefillMs),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

/** A base of random weights: Llama, whose inner width is that of the active experts together, or the same with experts. */
async function writeBase(dir, kind) {
  const isDense = kind === 'dense';
  const heads = Math.max(1, hidden / 64);
  const config = {
    model_type: isDense ? 'llama' : 'mixtral',
    architectures: [isDense ? 'LlamaForCausalLM' : 'MixtralForCausalLM'],
    vocab_size: vocab,
    hidden_size: hidden,
    num_hidden_layers: layers,
    max_position_embeddings: 4096,
    intermediate_size: isDense ? inner * active : inner,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    ...(!isDense && { num_local_experts: experts, num_experts_per_tok: active }),
  };
  const tensors = [];
  const add = (name, ...shape) => tensors.push([name, random(shape)]);
  add('model.embed_tokens.weight', vocab, hidden);
  for (let layer = 0; layer < layers; layer++) {
    const path = `model.layers.${layer}`;
    for (const name of ['q', 'k', 'v', 'o']) add(`${path}.self_attn.${name}_proj.weight`, hidden, hidden);
    for (const name of ['input', 'post_attention']) add(`${path}.${name}_layernorm.weight`, hidden);
    if (!isDense) add(`${path}.mlp.gate.weight`, experts, hidden);
    for (let expert = 0; expert < (isDense ? 1 : experts); expert++) {
      const at = isDense ? `${path}.mlp` : `${path}.mlp.experts.${expert}`;
      for (const name of ['gate', 'up']) add(`${at}.${name}_proj.weight`, config.intermediate_size, hidden);
      add(`${at}.down_proj.weight`, hidden, config.intermediate_size);
    }
  }
  add('model.norm.weight', hidden);
  add('lm_head.weight', vocab, hidden);
  await mkdir(dir);
  await writeFile(join(dir, 'config.json'), JSON.stringify(config));
  await writeSafetensors(join(dir, 'model.safetensors'), tensors, { metadata: { format: 'pt' } });
  return dir;
}

function random(shape) {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const scale = shape.length === 1 ? 0 : 1 / Math.sqrt(shape[1]);
  const numbers = Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return shape.length === 1 ? 1 : (state / 2 ** 31 - 1) * scale;
  });
  return tensorOf('float32', shape, numbers);
}
