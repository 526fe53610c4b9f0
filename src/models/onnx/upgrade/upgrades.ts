import { int, string } from '../../../ir/index.ts';
import { upgradeResize, upgradeUpsample } from './resize.ts';
import { upgradeSoftmax } from './softmax.ts';
import { floatsToInputs, inTurn, intsToInputs, renamed, withDefault, type Upgrade } from './upgrade.ts';

/** An upgrade, and the version of the operator set for which it rewrites. */
export interface UpgradeStep {
  readonly version: number;
  readonly upgrade: Upgrade;
}

const axesToInput = intsToInputs({ axes: 1 });

/** WHY refused: the other outputs are statistics of the batch, or a mask of the elements that were kept, whose meaning has changed. */
const onlyFirstOutput =
  (reason: string): Upgrade =>
  (call, { refused }) => {
    if (call.outputs.slice(1).some((output) => output !== undefined)) throw refused(reason);
    return call;
  };

/** Since version 18 a Split without sizes says how many parts it makes. */
const upgradeSplit: Upgrade = (call, context) =>
  call.inputs[1] === undefined ? withDefault('num_outputs', int(call.outputs.length))(call, context) : call;

/**
 * Every operator of ONNX whose meaning or form changed between the versions 9 and 18. All others are written as they are: their newer
 * versions take more types, or have attributes whose defaults keep the older meaning.
 * @see ONNX, Operator Changelog
 */
export const upgrades: Readonly<Record<string, readonly UpgradeStep[]>> = {
  BatchNormalization: [
    { version: 14, upgrade: onlyFirstOutput('has the outputs of a training; export it again after model.eval()') },
  ],
  Clip: [{ version: 11, upgrade: floatsToInputs({ min: 1, max: 2 }) }],
  Dropout: [
    { version: 12, upgrade: onlyFirstOutput('gives its mask to another node; export it again after model.eval()') },
  ],
  Hardmax: [{ version: 13, upgrade: upgradeSoftmax }],
  LogSoftmax: [{ version: 13, upgrade: upgradeSoftmax }],
  Pad: [{ version: 11, upgrade: inTurn(intsToInputs({ pads: 1 }), floatsToInputs({ value: 2 })) }],
  ReduceSum: [{ version: 13, upgrade: axesToInput }],
  Resize: [{ version: 11, upgrade: upgradeResize }],
  RoiAlign: [{ version: 16, upgrade: withDefault('coordinate_transformation_mode', string('output_half_pixel')) }],
  Scatter: [{ version: 11, upgrade: renamed('ScatterElements') }],
  Slice: [{ version: 10, upgrade: intsToInputs({ starts: 1, ends: 2, axes: 3 }) }],
  Softmax: [{ version: 13, upgrade: upgradeSoftmax }],
  Split: [
    { version: 13, upgrade: intsToInputs({ split: 1 }) },
    { version: 18, upgrade: upgradeSplit },
  ],
  Squeeze: [{ version: 13, upgrade: axesToInput }],
  TopK: [{ version: 10, upgrade: intsToInputs({ k: 1 }) }],
  Unsqueeze: [{ version: 13, upgrade: axesToInput }],
  Upsample: [{ version: 11, upgrade: upgradeUpsample }],
  ...Object.fromEntries(
    ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((name) => [
      `Reduce${name}`,
      [{ version: 18, upgrade: axesToInput }],
    ]),
  ),
};
