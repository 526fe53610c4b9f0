import { autodiffCodes } from './autodiff.ts';
import { checkpointCodes } from './checkpoint.ts';
import { cliCodes } from './cli.ts';
import { collectivesCodes } from './collectives.ts';
import { constrainCodes } from './constrain.ts';
import { coreCodes } from './core.ts';
import { dataCodes } from './data.ts';
import { adapterFilesCodes } from './adapter-files.ts';
import { adapterStoreCodes } from './adapter-store.ts';
import { fleetCodes } from './fleet.ts';
import { httpCodes } from './http.ts';
import { hubCodes } from './hub.ts';
import { batchingCodes } from './batching.ts';
import { irCodes } from './ir.ts';
import { jobsCodes } from './jobs.ts';
import { jinjaCodes } from './jinja.ts';
import { loraCodes } from './lora.ts';
import { modelsCodes } from './models.ts';
import { onnxCodes } from './onnx.ts';
import { quantizeCodes } from './quantize.ts';
import { onnxruntimeCodes } from './onnxruntime.ts';
import { engineCodes } from './engine.ts';
import { tensorCodes } from './tensor.ts';
import { tokenizerCodes } from './tokenizer.ts';
import { trainCodes } from './train.ts';
import { trustCodes } from './trust.ts';

/** Every error that Espalier raises, by its code. `docs/errors.md` is its page of documentation. */
export const codes = {
  ...coreCodes,
  ...onnxruntimeCodes,
  ...tensorCodes,
  ...irCodes,
  ...jinjaCodes,
  ...tokenizerCodes,
  ...constrainCodes,
  ...modelsCodes,
  ...onnxCodes,
  ...loraCodes,
  ...quantizeCodes,
  ...adapterFilesCodes,
  ...trustCodes,
  ...adapterStoreCodes,
  ...autodiffCodes,
  ...dataCodes,
  ...checkpointCodes,
  ...collectivesCodes,
  ...trainCodes,
  ...jobsCodes,
  ...fleetCodes,
  ...engineCodes,
  ...batchingCodes,
  ...httpCodes,
  ...hubCodes,
  ...cliCodes,
} as const;

export type ErrorCode = keyof typeof codes;
