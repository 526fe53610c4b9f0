import type { CodeEntry } from './code-entry.ts';

/** Errors of `lora`. Retired codes are never reused. */
export const loraCodes = {
  LORA_CONFIG_INVALID: {
    status: 400,
    retryable: false,
    message: 'The LoRA configuration {path} is not valid: {problems}.',
    help: 'A value in adapter_config.json or in the options of a training run is missing or impossible. Nothing was changed.',
  },
  LORA_CONFIG_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message:
      '{path} uses options that Espalier does not support: {options}. Ignoring them would change the results, so the adapter is not loaded.',
    help: 'An adapter uses options of PEFT that change its results and that Espalier does not support. Train it as plain LoRA, or convert it. Adapters that were loaded before stay loaded.',
  },
  LORA_PATTERN_INVALID: {
    status: 400,
    retryable: false,
    message: 'The pattern {pattern} cannot be used: {reason}.',
    help: 'A regular expression for module names is invalid, or matching it takes too long. Simplify it, or list the names of the modules.',
  },
  LORA_TARGET_UNMATCHED: {
    status: 400,
    retryable: false,
    message: 'The target {pattern} matches no linear module of the base.{hint} The base has {modules}.',
    help: 'A name or pattern of the target modules matches no module. The rules are those of PEFT: a name matches a whole path or its end after a dot; a regular expression matches the whole path. Nothing was changed.',
  },
  LORA_FILTER_UNMATCHED: {
    status: 400,
    retryable: false,
    message: '{option} {value} {problem} Remove it, or correct it.',
    help: 'An exclusion or a layer number removes none of the target modules, or all of them. A typing error in it would silently change which modules are trained, so it is an error. Nothing was changed.',
  },
  LORA_TENSORS_INVALID: {
    status: 400,
    retryable: false,
    message: 'The tensors in {path} do not match its configuration: {problems}.',
    help: 'An adapter lacks tensors, has unexpected tensors, or has tensors whose shape does not fit its rank. Adapters that were loaded before stay loaded.',
  },
  LORA_BASE_MISMATCH: {
    status: 400,
    retryable: false,
    message:
      'The adapter {path} was made for another base{base}: {problems}. Load it with the base that it was trained on.',
    help: 'An adapter changes modules that the base does not have, or that have another size in the base. Adapters that were loaded before stay loaded.',
  },
  LORA_WEIGHT_UNREADABLE: {
    status: 400,
    retryable: false,
    message:
      'The weight of {path} cannot be read: {reason}. DoRA, PiSSA and OLoRA compute their initial values from the weights of the base.',
    help: 'Some initializations need the weights of the base. Espalier can read a constant weight, also one that is cast, transposed or quantized; this one is computed in another way. Choose another initialization. Nothing was changed.',
  },
  LORA_PARTS_NOT_APPLIED: {
    status: 400,
    retryable: false,
    message:
      'The adapter {name} has {parts}, which {place} cannot apply. Merge it into its base with `espalier adapter merge`, and use the result.',
    help: 'All rows of a batch share the base, and so do adapters that are added up. An adapter that replaces whole parameters does not work there, and a DoRA adapter works only in some places. Merge the adapter into the base instead. Nothing was changed.',
  },
  LORA_MODULES_INVALID: {
    status: 400,
    retryable: false,
    message: 'The adapters cannot be injected into the graph: {problems}. The graph was not changed.',
    help: 'A target module is not in the graph, is named twice, already has an adapter, or was given an impossible rank.',
  },
} as const satisfies Record<string, CodeEntry>;
