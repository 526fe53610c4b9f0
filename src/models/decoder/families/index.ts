import type { DecoderFamily } from './decoder-family.ts';
import { apertus } from './apertus.ts';
import { arcee } from './arcee.ts';
import { bamba } from './bamba.ts';
import { cohere } from './cohere.ts';
import { cohere2 } from './cohere2.ts';
import { deepseekV2, deepseekV3, kimiK2 } from './deepseek.ts';
import { dots1 } from './dots1.ts';
import { ernie45 } from './ernie4-5.ts';
import { ernie45Moe } from './ernie4-5-moe.ts';
import { exaone4 } from './exaone4.ts';
import { falcon } from './falcon.ts';
import { falconH1 } from './falcon-h1.ts';
import { gemma2 } from './gemma2.ts';
import { gemma3, gemma3Multimodal } from './gemma3.ts';
import { gemma4, gemma4Multimodal } from './gemma4.ts';
import { glm } from './glm.ts';
import { glm4 } from './glm4.ts';
import { glm4Moe } from './glm4-moe.ts';
import { gptOss } from './gpt-oss.ts';
import { gptNeox } from './gpt-neox.ts';
import { gpt2 } from './gpt2.ts';
import { granite } from './granite.ts';
import { graniteHybrid } from './granite-hybrid.ts';
import { graniteMoe } from './granite-moe.ts';
import { hunyuan } from './hunyuan.ts';
import { hunyuanMoe } from './hunyuan-moe.ts';
import { lfm2 } from './lfm2.ts';
import { lfm2Moe } from './lfm2-moe.ts';
import { llama } from './llama.ts';
import { ministral } from './ministral.ts';
import { ministral3 } from './ministral3.ts';
import { mistral } from './mistral.ts';
import { mistral3 } from './mistral3.ts';
import { mixtral } from './mixtral.ts';
import { nemotron } from './nemotron.ts';
import { nemotronH } from './nemotron-h.ts';
import { olmo2 } from './olmo2.ts';
import { olmo3 } from './olmo3.ts';
import { olmoe } from './olmoe.ts';
import { opt } from './opt.ts';
import { phi } from './phi.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { qwen35, qwen35Moe, qwen35MoeText, qwen35Text, qwen3Next } from './qwen-hybrid.ts';
import { qwen2Moe, qwen3Moe } from './qwen-moe.ts';
import { seedOss } from './seed-oss.ts';
import { smollm3 } from './smollm3.ts';
import { stablelm } from './stablelm.ts';
import { starcoder2 } from './starcoder2.ts';

/** The supported families of decoders. */
export const decoderFamilies: readonly DecoderFamily[] = [
  apertus,
  arcee,
  bamba,
  cohere,
  cohere2,
  deepseekV2,
  deepseekV3,
  dots1,
  ernie45,
  ernie45Moe,
  exaone4,
  falcon,
  falconH1,
  gemma2,
  gemma3,
  gemma3Multimodal,
  gemma4,
  gemma4Multimodal,
  glm,
  glm4,
  glm4Moe,
  gptNeox,
  gptOss,
  gpt2,
  granite,
  graniteHybrid,
  graniteMoe,
  hunyuan,
  hunyuanMoe,
  kimiK2,
  lfm2,
  lfm2Moe,
  llama,
  ministral,
  ministral3,
  mistral,
  mistral3,
  mixtral,
  nemotron,
  nemotronH,
  olmo2,
  olmo3,
  olmoe,
  opt,
  phi,
  phi3,
  qwen2,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  qwen3Next,
  qwen35,
  qwen35Moe,
  qwen35MoeText,
  qwen35Text,
  seedOss,
  smollm3,
  stablelm,
  starcoder2,
];
