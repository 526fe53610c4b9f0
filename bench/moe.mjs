// What a mixture of experts costs beside a dense model with its active parameters: decode steps and a prefill, all bases in one process
// by turns. Ratios only: absolute times move with the load of the machine.
//
//   UV_THREADPOOL_SIZE=8 node bench/moe.mjs [--hidden 2048] [--inner 1024] [--experts 64] [--active 8] [--layers 2] [--prompt 128]
//       [--quantize 8|4|int8] [--rows 1] [--steps 24] [--rounds 5] [--threads 2] [--json]
//
// Each of several rows chooses experts of its own, so that a step reads the weights of more experts than a token uses. With `--rows`
// there is a third base: dense, and as wide as the experts that so many rows choose together on average.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openEngine } from '#internal/engine';
import { openBaseModel } from '#internal/models';
import { openEnvironment } from '#internal/onnxruntime';
import { quantizeBase } from '#internal/quantize';
import { tensorOf, writeSafetensors } from '#internal/tensor';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    // WHY these: the sizes of OLMoE 1B-7B, in two of its sixteen layers. In f32 they take 3 GB.
    hidden: { type: 'string', default: '2048' },
    inner: { type: 'string', default: '1024' },
    experts: { type: 'string', default: '64' },
    active: { type: 'string', default: '8' },
    layers: { type: 'string', default: '2' },
    prompt: { type: 'string', default: '128' },
    quantize: { type: 'string' },
    rows: { type: 'string', default: '1' },
    steps: { type: 'string', default: '24' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
});
const number = (name) => Number(values[name]);
const [hidden, inner, experts, active, layers] = ['hidden', 'inner', 'experts', 'active', 'layers'].map(number);
const [prompt, rows, steps, rounds] = ['prompt', 'rows', 'steps', 'rounds'].map(number);
const vocab = 512;
/** The tokens before the decode steps, and the steps until all rows run. */
const [start, early] = [16, 8];
const length = Math.max(prompt, start) + early + steps + 8;
/** The experts that rows choose together, if they choose at random. */
const chosen = Math.round(experts * (1 - (1 - active / experts) ** rows));
const kinds = rows === 1 ? ['dense', 'mixture'] : ['dense', 'wide', 'mixture'];
const widths = { dense: inner * active, wide: inner * chosen, mixture: inner };
const pools = new Map();
let state = 1;

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const environment = openEnvironment({ threads: number('threads') });
const engines = {};
try {
  for (const kind of kinds) {
    const base = await openBaseModel(await quantized(await writeBase(join(folder, kind), kind)));
    engines[kind] = await openEngine({
      base,
      environment,
      maxSlots: rows,
      maxLength: length,
      prefillChunk: prompt,
      adapterTargets: false,
    });
  }
  const times = Object.fromEntries(
    kinds.map((kind) => [kind, { prefill: [], decode: [], prefillWork: [], decodeWork: [] }]),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const kind of kinds) {
      const [first] = await generate(engines[kind], { seed: round, length: prompt, count: 1 });
      const together = Array.from({ length: rows }, (_, row) =>
        generate(engines[kind], { seed: 1000 + round * rows + row, length: start, count: early + steps }),
      );
      const [gaps] = await Promise.all(together);
      // The first round warms up.
      if (round === 0) continue;
      times[kind].prefill.push(first.ms);
      times[kind].prefillWork.push(first.work);
      times[kind].decode.push(...gaps.slice(early).map(({ ms }) => ms));
      times[kind].decodeWork.push(...gaps.slice(early).map(({ work }) => work));
    }
  }
  report(times);
} finally {
  for (const engine of Object.values(engines)) await engine.dispose();
  environment.dispose();
  await rm(folder, { recursive: true });
}

/** @returns the milliseconds to the first token, and between tokens after it, and those of processor time of the whole process */
async function generate(engine, { seed, length: count, count: maxTokens }) {
  const tokens = Array.from({ length: count }, (_, i) => 5 + ((i * 7919 + seed * 104729) % (vocab - 5)));
  const gaps = [];
  let last = [performance.now(), processorMs()];
  for await (const _ of engine.generate({ tokens, maxTokens, temperature: 0, stopTokenIds: [] })) {
    const now = [performance.now(), processorMs()];
    gaps.push({ ms: now[0] - last[0], work: now[1] - last[1] });
    last = now;
  }
  return gaps;
}

/** WHY: it says what a step costs also while other processes take the processors away. */
function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function report(times) {
  const ms = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      Object.fromEntries(Object.entries(times[kind]).map(([part, every]) => [part, median(every)])),
    ]),
  );
  const ratio = (part, to) => (ms[to] ? ms.mixture[part] / ms[to][part] : undefined);
  const result = {
    sizes: { hidden, inner, experts, active, layers, prompt, rows, weights: values.quantize ?? 'float32' },
    decodeRatio: ratio('decode', 'dense'),
    decodeRatioToWide: ratio('decode', 'wide'),
    prefillRatio: ratio('prefill', 'dense'),
    decodeWorkRatio: ratio('decodeWork', 'dense'),
    decodeWorkRatioToWide: ratio('decodeWork', 'wide'),
    prefillWorkRatio: ratio('prefillWork', 'dense'),
    ms,
  };
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const of = (part, to) => {
    const work = `${ratio(`${part}Work`, to).toFixed(2)} times the processor time`;
    return `${ratio(part, to).toFixed(2)} times the ${ms[to][part].toFixed(1)} ms (${work}) of a dense model`;
  };
  const lines = [
    `decode, ${rows} at once: ${of('decode', 'dense')} with the active parameters`,
    ...(rows > 1 ? [`${' '.repeat(8)}${of('decode', 'wide')} as wide as ${chosen} experts`] : []),
    `prefill of ${prompt}: ${of('prefill', 'dense')} with the active parameters`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** A base of random weights: Llama, or the same with experts. */
async function writeBase(dir, kind) {
  const isDense = kind !== 'mixture';
  const heads = Math.max(1, hidden / 64);
  const width = widths[kind];
  const config = {
    model_type: isDense ? 'llama' : 'mixtral',
    architectures: [isDense ? 'LlamaForCausalLM' : 'MixtralForCausalLM'],
    vocab_size: vocab,
    hidden_size: hidden,
    num_hidden_layers: layers,
    max_position_embeddings: 4096,
    intermediate_size: width,
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
      for (const name of ['gate', 'up']) add(`${at}.${name}_proj.weight`, width, hidden);
      add(`${at}.down_proj.weight`, hidden, width);
    }
  }
  add('model.norm.weight', hidden);
  add('lm_head.weight', vocab, hidden);
  await mkdir(dir);
  await writeFile(join(dir, 'config.json'), JSON.stringify(config));
  await writeSafetensors(join(dir, 'model.safetensors'), tensors, { metadata: { format: 'pt' } });
  return dir;
}

/** @returns the folder of the base, or of its quantized copy, which takes its place on the disk */
async function quantized(dir) {
  const { quantize } = values;
  if (quantize === undefined) return dir;
  /** @type {import('#internal/quantize').QuantizeOptions} */
  const options = {
    scheme: quantize === 'int8' ? 'int8' : 'blocks',
    bits: quantize === '4' ? 4 : 8,
    blockSize: 32,
    activations: 'int8',
    keep: [],
  };
  await quantizeBase(await openBaseModel(dir), `${dir}-q`, options);
  await rm(dir, { recursive: true });
  return `${dir}-q`;
}

/**
 * Random numbers. Tensors of one shape begin at different places of the same numbers, which makes large bases quick to write. WHY not the
 * same numbers: ONNX Runtime would notice, and keep them once.
 */
function random(shape) {
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (shape.length === 1) return tensorOf('float32', shape, new Float32Array(count).fill(1));
  const known = pools.get(shape.join()) ?? { numbers: uniform(count + 2 ** 16, 1 / Math.sqrt(shape[1])), taken: 0 };
  pools.set(shape.join(), known);
  const at = 8 * known.taken++;
  return tensorOf('float32', shape, known.numbers.subarray(at, at + count));
}

/** Numbers between ± `bound`. */
function uniform(count, bound) {
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * bound;
  });
}
