import type { Steps } from '../../core/index.ts';
import { defineLongPass, definePass, hasOutputs, inOrder, readsInputs, type Model, type Pass } from '../../ir/index.ts';
import { injectLora, type InjectOptions } from './inject-lora.ts';
import { injectParameters, type GivenParameter } from './inject-parameters.ts';
import { itemInputs, stackedLoraSteps, type StackedOptions } from './inject-stacked-lora.ts';

const ensures = (inputs: readonly string[]): Pass['ensures'] => [inOrder, hasOutputs, readsInputs(inputs)];

/** `injectLora` as a pass. Without modules it changes nothing. */
export function loraPass(options: InjectOptions): Pass {
  const suffix = options.adapter === undefined ? '' : `.${options.adapter}`;
  const matrices = options.modules.flatMap(({ path }) => [`${path}.lora_A${suffix}`, `${path}.lora_B${suffix}`]);
  return definePass(
    'inject-lora',
    (model) => (options.modules.length === 0 ? [] : added(injectLora(model, options).inputs)),
    { requires: [hasOutputs], ensures: ensures(matrices) },
  );
}

/** `injectStackedLora` as a pass. */
export function stackedLoraPass(paths: readonly string[], options: StackedOptions = {}): Pass {
  const matrices = paths.flatMap((path) => [`${path}.lora_A`, `${path}.lora_B`]);
  const inject = function* (model: Model): Steps<string[]> {
    return added((yield* stackedLoraSteps(model, paths, options)).inputs);
  };
  return defineLongPass('inject-stacked-lora', inject, {
    requires: [hasOutputs],
    ensures: ensures([
      ...matrices,
      ...(paths.length > 0 ? ['lora_mask'] : []),
      ...((options.bytes?.size ?? 0) > 0 ? itemInputs : []),
    ]),
  });
}

/** `injectParameters` as a pass. Without parameters it changes nothing. */
export function parametersPass(parameters: readonly GivenParameter[]): Pass {
  return definePass('inject-parameters', (model) => added(injectParameters(model, parameters)), {
    requires: [hasOutputs],
    ensures: ensures(parameters.map(({ name }) => name)),
  });
}

function added(inputs: readonly string[]): string[] {
  return inputs.map((input) => `added the input ${input}`);
}
