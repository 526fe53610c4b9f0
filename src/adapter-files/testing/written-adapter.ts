import { typedArray } from '../../tensor/index.ts';
import { initAdapter } from '../../lora/init-adapter.ts';
import type { LoraConfig } from '../../lora/lora-config.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { AdapterContent } from '../formats/peft/save-peft-adapter.ts';

/** Everything at once that a configuration of ours can ask of PEFT: all modules, the head, patterns, rank-stabilised scaling. */
const config: LoraConfig = {
  rank: 2,
  alpha: 3,
  dropout: 0.1,
  targetModules: '.*_proj|lm_head',
  rankPattern: { 'layers.0.self_attn.q_proj': 5, '.*\\.mlp\\.(up|down)_proj': 3 },
  alphaPattern: { lm_head: 1, q_proj: 6 },
  useRslora: true,
};

/** The adapter that `test/golden/written-adapter` holds as we wrote it, with what PEFT computes on it. */
export async function writtenAdapter(linears: readonly AdaptableModule[]): Promise<AdapterContent> {
  const modules = await initAdapter(linears, config, { seed: 3 });
  for (const { b } of modules.values()) {
    const values = typedArray(b);
    // WHY products of small integers: the same bytes everywhere, which a sine would not promise.
    values.forEach((_, i) => (values[i] = (((i * 7) % 11) - 5) / 16));
  }
  return { config, modules, baseName: 'llama' };
}
