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
    message:
      '{path} names the architecture {architecture}. Supported: {supported}. Choose a base with a supported architecture.',
    help: 'Espalier builds its graphs itself, and knows the architectures named in the message. Nothing was loaded.',
  },
  MODEL_FEATURE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: '{path} asks for {feature} = {value}. Supported: {supported}. Choose a base without it.',
    help: 'Espalier knows the family of the model, but it does not support this variant. It refuses the model, because its results would be wrong.',
  },
  MODEL_TASK_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The base in {dir} ({family}) cannot {use}. Use it with: {instead}.',
    help: 'Decoders continue text; encoders classify or embed it. The command or the route needs a base of another kind.',
  },
  MODEL_KIND_NOT_PROVIDED: {
    status: 400,
    retryable: false,
    message: 'There is no {kind} model {model}: a model in this process gives language models only.',
    help: 'A program asked the AI SDK provider of this package for a model of another kind. Texts are embedded by a server of an encoder, at `/v1/embeddings`.',
  },
  MODEL_HEAD_PRESENT: {
    status: 400,
    retryable: false,
    message:
      'The base in {dir} already has a head for the labels {labels}. Omit {option:labels}, and use these labels.',
    help: 'Only an encoder without a head gets a new one. Train an existing head with `modulesToSave` (--modules-to-save).',
  },
  MODEL_HEAD_MISSING: {
    status: 400,
    retryable: false,
    message:
      'The head of this base is new, and its weights {names} are in none of the files. Train them with {option:modulesToSave}, or give the adapter that contains them.',
    help: 'With `labels` an encoder gets a new head. The weights of the head are trained together with an adapter and saved in it.',
  },
  BASE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No base model at {path}: {found}. {advice}',
    help: 'A base model is a folder with config.json and weights in safetensors form, an ONNX file, or a folder with one. `hf:org/name` names a model of the hub. Nothing was loaded.',
  },
  MODEL_WEIGHTS_NOT_FOUND: {
    status: 404,
    retryable: false,
    message:
      'No weights in {dir}: expected model.safetensors, or model.safetensors.index.json with its shards. Download the whole checkpoint.{hint}',
    help: 'The folder has a config.json, but no weights in safetensors form.',
  },
  MODEL_WEIGHTS_MISMATCH: {
    status: 400,
    retryable: false,
    message:
      'The weights in {dir} do not fit its config.json: {problems}. Use the weights and the config.json of one checkpoint.',
    help: 'A tensor is missing or unexpected, has another shape, or has an unsupported element type (f32, f16 and bf16 are supported). Nothing was loaded.',
  },
  MODEL_QUANTIZED: {
    status: 400,
    retryable: false,
    message:
      'The weight {name} is quantized and cannot be trained itself. Train an adapter, or use the checkpoint with floats.',
    help: 'Integers of a few bits cannot represent the small steps of training. On a quantized base only adapters can be trained. Nothing was started.',
  },
  MODEL_WEIGHTS_NOT_FINITE: {
    status: 400,
    retryable: false,
    message:
      'Weight {name} in {path} is {value} at element {index}. Every result of this model would be NaN. Download the file again.',
    help: 'A weight is NaN or infinite. Either the file is damaged, or its training diverged. Nothing was loaded.',
  },
  MODEL_CONTEXT_EXCEEDED: {
    status: 400,
    retryable: false,
    message: '{length} tokens exceed the {limit} positions of this model. Shorten the input.',
    help: 'The sequence has more tokens than the model has positions. Nothing was run.',
  },
  MODEL_TOKEN_OUT_OF_RANGE: {
    status: 400,
    retryable: false,
    message:
      'Token id {token} at position {index} is outside the vocabulary of {vocabSize} (ids from 0). Check the tokenizer.',
    help: 'The token ids do not belong to this model. Nothing was run.',
  },
  BASE_CHANGED: {
    status: 503,
    retryable: true,
    message:
      'The file {path} of the base was written to while the base was in use. Answers would come from other weights, so none are given. Open the base again (restart the server), and replace such files by a rename.',
    help: 'The runtime maps the weights from their files, so overwriting a file in place changes the model. Espalier notices this and refuses all requests to the base until the base is opened again. A server is then no longer ready; its other models stay in use.',
  },
  BASE_COPY_NO_ROOM: {
    status: 507,
    retryable: true,
    message:
      'The private copy of the base needs {needed} in {folder}, and {free} are free. Make room, name another folder with {option:copyBase}, or serve without the copy.',
    help: 'With `copyBase` (--copy-base) the files of the base are copied before it is opened. The copy was not begun, or was removed.',
  },
  BASE_COPY_CHANGED: {
    status: 503,
    retryable: true,
    message:
      'The file {path} of the base was written to while it was copied. Wait until nothing writes to it, and start again.',
    help: 'A copy of a file that is being written may hold parts of two versions. The copy was removed.',
  },
} as const satisfies Record<string, CodeEntry>;
