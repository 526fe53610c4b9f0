import { autodiffCodes } from './autodiff.ts';
import { cliCodes } from './cli.ts';
import { coreCodes } from './core.ts';
import { dataCodes } from './data.ts';
import { adaptersCodes } from './adapters.ts';
import { httpCodes } from './http.ts';
import { hubCodes } from './hub.ts';
import { inferenceCodes } from './inference.ts';
import { irCodes } from './ir.ts';
import { loraCodes } from './lora.ts';
import { modelsCodes } from './models.ts';
import { onnxCodes } from './onnx.ts';
import { quantizeCodes } from './quantize.ts';
import { runtimeCodes } from './runtime.ts';
import { engineCodes } from './engine.ts';
import { tensorCodes } from './tensor.ts';
import { tokenizerCodes } from './tokenizer.ts';
import { trainCodes } from './train.ts';

/** Every error that Espalier raises, by its code. `docs/errors.md` is its page of documentation. */
export const codes = {
  ...coreCodes,
  ...runtimeCodes,
  ...tensorCodes,
  ...irCodes,
  ...tokenizerCodes,
  ...modelsCodes,
  ...onnxCodes,
  ...loraCodes,
  ...quantizeCodes,
  ...adaptersCodes,
  ...autodiffCodes,
  ...dataCodes,
  ...trainCodes,
  ...engineCodes,
  ...inferenceCodes,
  ...httpCodes,
  ...hubCodes,
  ...cliCodes,
} as const;

export type ErrorCode = keyof typeof codes;
