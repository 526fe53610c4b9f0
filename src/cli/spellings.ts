/**
 * Names that other tools (PEFT's examples, the Trainer of transformers, TRL, vLLM, llama.cpp) use for options of Espalier. A command
 * line that was written for them works unchanged if its values have the same meaning.
 */
const spellings: Readonly<Record<string, string>> = {
  'base-model': 'base',
  model: 'base',
  'model-name-or-path': 'base',
  'adapter-path': 'adapter',
  lora: 'adapter',
  'train-data': 'data',
  'train-file': 'data',
  'training-file': 'data',
  dataset: 'data',
  'eval-file': 'eval-data',
  'eval-dataset': 'eval-data',
  'validation-file': 'eval-data',
  'valid-data': 'eval-data',
  out: 'output',
  'out-dir': 'output',
  'output-dir': 'output',
  'output-path': 'output',
  'save-dir': 'output',
  lr: 'learning-rate',
  'num-epochs': 'epochs',
  'n-epochs': 'epochs',
  'num-train-epochs': 'epochs',
  'lora-r': 'rank',
  'lora-rank': 'rank',
  r: 'rank',
  'lora-alpha': 'alpha',
  'lora-dropout': 'dropout',
  'lora-target-modules': 'target-modules',
  'train-batch-size': 'batch-size',
  'per-device-train-batch-size': 'batch-size',
  'gradient-accumulation-steps': 'accumulate',
  'grad-accumulation-steps': 'accumulate',
  'max-seq-length': 'max-length',
  'max-seq-len': 'max-length',
  'max-model-len': 'max-length',
  'lr-scheduler-type': 'schedule',
  'lr-scheduler': 'schedule',
  optim: 'optimizer',
  'save-total-limit': 'keep',
  'early-stopping-patience': 'early-stopping',
  'early-stopping-threshold': 'min-delta',
  'loraplus-lr-ratio': 'lora-plus-ratio',
  'min-lr': 'min-learning-rate',
  'logging-steps': 'log-steps',
  overwrite: 'force',
  'overwrite-output-dir': 'force',
  'max-num-seqs': 'max-slots',
  'served-model-name': 'served-name',
  'max-new-tokens': 'max-tokens',
  'n-predict': 'max-tokens',
  temp: 'temperature',
  'admin-api-key': 'admin-key',
};

const short: Readonly<Record<string, string>> = { '-o': 'output', '-m': 'base' };

/**
 * Replaces a flag in the spelling of another tool by the option that a command declares. A flag that the command itself declares, or
 * that means nothing to it, is returned as it is.
 *
 * @param declared  the flags of the command, such as `--base`
 */
export function ownSpelling(flag: string, declared: ReadonlySet<string>): string {
  if (declared.has(flag)) return flag;
  const dashed = `--${flag.slice(2).replaceAll('_', '-')}`;
  if (flag.startsWith('--') && declared.has(dashed)) return dashed;
  const name = short[flag] ?? (flag.startsWith('--') ? spellings[dashed.slice(2)] : undefined);
  return name !== undefined && declared.has(`--${name}`) ? `--${name}` : flag;
}
