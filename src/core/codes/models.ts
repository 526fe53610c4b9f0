import type { CodeEntry } from './code-entry.ts';

/** Errors of `models` and `score`. Retired codes are never reused. */
export const modelsCodes = {
  MODEL_CONFIG_INVALID: {
    status: 400,
    retryable: false,
    message: '{path} is not a usable model configuration: {problems}. Restore the file of the original checkpoint.',
    help: 'config.json, generation_config.json or the index of the shards is broken, or a field in it is missing or impossible. Nothing was loaded.',
  },
  MODEL_ARCHITECTURE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: '{path} names the architecture {architecture}. Supported: {supported}. Choose a base of that family.',
    help: 'Espalier builds its graphs itself, and knows the architectures named in the message. Nothing was loaded.',
  },
  MODEL_FEATURE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: '{path} asks for {feature} = {value}. Supported: {supported}. Choose a base without it.',
    help: 'The family is known, but this variant would compute something else than Espalier does, so it is refused rather than run wrongly.',
  },
  MODEL_TASK_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The base in {dir} ({family}) cannot {use}. What it is for: {instead}.',
    help: 'Decoders continue text; encoders classify or embed it. The base is of another kind than the command, or the route, is for.',
  },
  MODEL_HEAD_PRESENT: {
    status: 400,
    retryable: false,
    message: 'The base in {dir} has a head already, for the labels {labels}. Leave {option:labels} out, and use these.',
    help: 'A new head is for an encoder without one. One that is there is trained with `modulesToSave` (--modules-to-save).',
  },
  MODEL_HEAD_MISSING: {
    status: 400,
    retryable: false,
    message:
      'The head of this base is new, and {names} are in none of its files. Train them with {option:modulesToSave}, or give the adapter that was trained with it.',
    help: 'An encoder was given names of labels. What tells them apart is trained with an adapter, and saved there.',
  },
  MODEL_WEIGHTS_NOT_FOUND: {
    status: 404,
    retryable: false,
    message:
      'No weights in {dir}: expected model.safetensors, or model.safetensors.index.json with its shards. Download the whole checkpoint.',
    help: 'The folder has a config.json, but no weights in safetensors form.',
  },
  MODEL_WEIGHTS_MISMATCH: {
    status: 400,
    retryable: false,
    message: 'The weights in {dir} do not fit its config.json: {problems}. Take both from the same checkpoint.',
    help: 'A tensor is missing, unexpected, of another shape, or of a type that cannot be used (f32, f16 and bf16 can). Nothing was loaded.',
  },
  MODEL_QUANTIZED: {
    status: 400,
    retryable: false,
    message:
      'The weight {name} is quantized, and is asked for as floats that can change. Train an adapter, or take the float checkpoint.',
    help: 'Whole numbers of a few bits cannot follow small steps, so that a quantized base takes adapters and is itself never trained. Nothing was started.',
  },
  MODEL_WEIGHTS_NOT_FINITE: {
    status: 400,
    retryable: false,
    message:
      'Weight {name} in {path} is {value} at element {index}. A model with such a weight only answers NaN: get the file again.',
    help: 'A weight is NaN or infinite: the file is damaged, or its training diverged. Nothing was loaded.',
  },
  MODEL_CONTEXT_EXCEEDED: {
    status: 400,
    retryable: false,
    message: '{length} tokens exceed the {limit} positions of this model. Shorten the input, or cut it.',
    help: 'The sequence is longer than the positions that the model was trained with. Nothing was run.',
  },
  MODEL_TOKEN_OUT_OF_RANGE: {
    status: 400,
    retryable: false,
    message:
      'Token id {token} at position {index} is outside the vocabulary of {vocabSize} (ids from 0). Check the tokenizer.',
    help: 'The token ids do not belong to this model. Nothing was run.',
  },
} as const satisfies Record<string, CodeEntry>;
