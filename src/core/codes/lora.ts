import type { CodeEntry } from './code-entry.ts';

/** Errors of `lora`. Retired codes are never reused. */
export const loraCodes = {
  LORA_CONFIG_INVALID: {
    status: 400,
    retryable: false,
    message: 'The LoRA configuration {path} is not valid: {problems}.',
    help: 'A value in adapter_config.json, or among the options of a training run, is missing or cannot be. Nothing was changed.',
  },
  LORA_CONFIG_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message:
      '{path} asks for what Espalier does not do: {options}. Without it the adapter would give other results, so it is not loaded.',
    help: 'An adapter uses options of PEFT that change its results and that Espalier does not have yet. Train it as plain LoRA, or convert it. What was loaded before still is.',
  },
  LORA_PATTERN_INVALID: {
    status: 400,
    retryable: false,
    message: 'The pattern {pattern} cannot be used: {reason}.',
    help: 'A regular expression that names modules is not valid, or takes too long to match. Write it more simply, or list the names of the modules.',
  },
  LORA_TARGET_UNMATCHED: {
    status: 400,
    retryable: false,
    message: 'The target {pattern} matches no linear module of the base.{hint} The base has {modules}.',
    help: 'A name or pattern in the target modules fits nothing, by the rules of PEFT: a name fits a whole path or its end after a dot, a regular expression the whole path. Nothing was changed.',
  },
  LORA_FILTER_UNMATCHED: {
    status: 400,
    retryable: false,
    message: '{option} {value} {problem} Take it out, or write what it should fit.',
    help: 'An exclusion or the number of a layer narrows nothing that the targets fit, or everything. A slip in it would change which modules are trained without a word, so it is an error. Nothing was changed.',
  },
  LORA_TENSORS_INVALID: {
    status: 400,
    retryable: false,
    message: 'The tensors in {path} are not those of its configuration: {problems}.',
    help: 'An adapter lacks tensors, has tensors that nothing asks for, or has tensors of another shape than its rank says. What was loaded before still is.',
  },
  LORA_BASE_MISMATCH: {
    status: 400,
    retryable: false,
    message:
      'The adapter {path} was made for another base{base}: {problems}. Load it with the base that it was trained on.',
    help: 'An adapter changes modules that the base does not have, or modules of another size. What was loaded before still is.',
  },
  LORA_WEIGHT_UNREADABLE: {
    status: 400,
    retryable: false,
    message: "The weight of {path} cannot be read: {reason}. DoRA, PiSSA and OLoRA begin with the base's own weights.",
    help: 'Some ways to begin an adapter need the numbers of the base. They are read where they are constants, cast, turned over or quantized; here they are something else. Choose another way to begin. Nothing was changed.',
  },
  LORA_PARTS_NOT_APPLIED: {
    status: 400,
    retryable: false,
    message:
      'The adapter {name} has {parts}, which {place} cannot apply. Merge it into its base with `espalier adapter merge`, and use the result.',
    help: 'Rows of one batch share the base, and so do adapters that are added up: neither can take an adapter that replaces parameters whole, nor everywhere one of DoRA. Merged into the base it works everywhere. Nothing was changed.',
  },
  LORA_MODULES_INVALID: {
    status: 400,
    retryable: false,
    message: 'Adapters cannot be put into the graph: {problems}. The graph is as it was.',
    help: 'A module that adapters are for is not in the graph, comes twice, has an adapter already, or was given a rank that cannot be.',
  },
  GRAPH_FROZEN: {
    status: 409,
    retryable: false,
    message: 'The graph is frozen, and refuses to {operation}. Change a graph that is not, and freeze that one.',
    help: 'A frozen graph stays as it is for good, so that what runs is what was checked. The graph is as it was.',
  },
  GRAPH_ADAPTER_EXISTS: {
    status: 409,
    retryable: false,
    message:
      'The graph has an adapter named {name} already (version {version}). Unload it first, or choose another name.',
    help: 'An injection never replaces by accident. The graph is as it was.',
  },
  GRAPH_ADAPTER_UNKNOWN: {
    status: 404,
    retryable: false,
    message: 'The graph has no adapter named {name}.{hint} It has: {known}.',
    help: 'An adapter was to be taken out of a graph that it is not in. The graph is as it was.',
  },
  GRAPH_METADATA_BROKEN: {
    status: 400,
    retryable: false,
    message: "The model's metadata at {key} does not say which adapter it is about. Take the model as it was written.",
    help: 'A model says in its metadata which adapters stand in its graph; here that text was changed. Nothing was changed.',
  },
} as const satisfies Record<string, CodeEntry>;
