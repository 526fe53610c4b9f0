import { join } from 'node:path';
import { z } from 'zod';

import { EspalierError, nearest, option, optionText } from '../core/index.ts';
import type { BaseModel } from './base-model.ts';
import { isClassifier } from './decoder/classifier.ts';
import type { DecoderFamily } from './decoder/families/decoder-family.ts';
import { expertFields } from './decoder/families/features.ts';
import { decoderFamilies } from './decoder/families/index.ts';
import { openDecoder } from './decoder/open-decoder.ts';
import { encoderFamilies, encoderFamilyOf } from './encoder/families.ts';
import { openEncoder } from './encoder/open-encoder.ts';
import { noBaseAt } from './explain-missing.ts';
import { openGguf } from './gguf/open-gguf.ts';
import { findGguf } from './gguf/open-gguf-files.ts';
import { isOnnxPath } from './onnx/find-onnx-file.ts';
import { openOnnxBase } from './onnx/open-onnx.ts';
import { parseWith } from './parse-with.ts';
import { readJsonIfPresent } from './read-json.ts';

export interface OpenBaseOptions {
  /** Names of the classes. An encoder without a head gets a new head for them, whose weights are in no file. */
  readonly labels?: readonly string[] | undefined;
}

/**
 * Opens a base model without converting it. The path names an .onnx file, a folder with one (see `openOnnxBase`), a GGUF file, a folder
 * with one, or a Hugging Face folder of a supported family. Of a Hugging Face folder it reads `config.json`, `generation_config.json` if it exists, and the
 * headers of the safetensors files. It does not read the weights; `verifyWeights` does.
 *
 * @throws EspalierError BASE_NOT_FOUND (no config.json), MODEL_ARCHITECTURE_UNSUPPORTED, MODEL_FEATURE_UNSUPPORTED,
 *   MODEL_CONFIG_INVALID, MODEL_WEIGHTS_NOT_FOUND, MODEL_WEIGHTS_MISMATCH, MODEL_HEAD_PRESENT, GGUF_UNSUPPORTED, GGUF_MALFORMED, and
 *   the errors of `openSafetensors`
 */
export async function openBaseModel(dir: string, { labels }: OpenBaseOptions = {}): Promise<BaseModel> {
  if (await isOnnxPath(dir)) {
    if (labels !== undefined) throw noNewHead(dir, { model_type: 'onnx' });
    return openOnnxBase(dir);
  }
  const gguf = await findGguf(dir);
  if (gguf !== undefined) {
    if (labels !== undefined) throw noNewHead(gguf, { model_type: 'gguf' });
    return openGguf(gguf, familyOf);
  }
  const path = join(dir, 'config.json');
  const json = await readJsonIfPresent(path);
  if (json === undefined) throw await noBaseAt(dir);
  const encoder = encoderFamilyOf(json);
  if (encoder !== undefined) return openEncoder(dir, encoder, { json, newLabels: labels });
  if (labels !== undefined) throw noNewHead(dir, json);
  return openDecoder(dir, familyOf(json, path), json);
}

function noNewHead(dir: string, json: unknown): EspalierError {
  const family = String(typeof json === 'object' && json !== null ? Reflect.get(json, 'model_type') : 'unknown');
  const instead = optionText(
    'a base that brings its head, or an encoder (',
    option('labels'),
    ' gives one a new head)',
  );
  return new EspalierError('MODEL_TASK_UNSUPPORTED', { dir, family, use: 'be given a new head', instead });
}

const header = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).nullish() });

/** Returns the decoder family that a config.json names. @throws EspalierError MODEL_ARCHITECTURE_UNSUPPORTED, MODEL_CONFIG_INVALID */
export function familyOf(json: unknown, path: string): DecoderFamily {
  const fields = parseWith(header, json, path);
  const { model_type: type, architectures } = fields;
  const family = decoderFamilies.find(({ modelType }) => modelType === type);
  const names = family ? [family.architecture, innerOf(family)] : [];
  if (family && (!architectures?.length || architectures.some((name) => names.includes(name)))) return family;
  if (family && isClassifier(family, json)) return family;
  const known = [
    ...decoderFamilies.map(({ modelType, architecture }) => `${modelType} / ${architecture}`),
    ...encoderFamilies.flatMap(({ modelTypes }) => modelTypes),
  ];
  const named = [type, ...(architectures ?? [])].join(' / ');
  const remark = family === undefined ? remarkOn(type, fields) : undefined;
  throw new EspalierError('MODEL_ARCHITECTURE_UNSUPPORTED', {
    path,
    architecture: remark === undefined ? named : `${named} (${remark})`,
    supported: known,
  });
}

/** The class of a network without its head, as models for embeddings name it. */
function innerOf({ architecture }: DecoderFamily): string {
  return architecture.replace(/(ForCausalLM|ForConditionalGeneration|LMHeadModel)$/, 'Model');
}

/** Returns a hint about an unknown model type: that its whole kind is not supported, or the nearest supported name. */
function remarkOn(type: string, fields: Readonly<Record<string, unknown>>): string | undefined {
  const experts = expertFields.find((name) => Number(fields[name] ?? 0) > 1);
  if (experts !== undefined) return `a mixture of experts: ${experts} = ${String(fields[experts])}`;
  const names = [
    ...decoderFamilies.map(({ modelType }) => modelType),
    ...encoderFamilies.flatMap((each) => each.modelTypes),
  ];
  const similar = nearest(type, names);
  return similar === undefined ? undefined : `is it ${similar}?`;
}
