import type { CommandDefinition } from './command.ts';
import { adapterConvertCommand } from './commands/adapter-convert.ts';
import { adapterMergeCommand } from './commands/adapter-merge.ts';
import { adapterDiffCommand } from './commands/adapter-diff.ts';
import { adapterVerifyCommand } from './commands/adapter-verify.ts';
import {
  adapterDeleteCommand,
  adapterDrainCommand,
  adapterListCommand,
  adapterPinCommand,
  adapterPublishCommand,
  adapterResumeCommand,
  adapterRollbackCommand,
  adapterSetCommand,
  adapterStatusCommand,
  adapterUnpinCommand,
} from './commands/adapter-remote.ts';
import { adapterUploadCommand } from './commands/adapter-upload.ts';
import { auditCommand } from './commands/audit.ts';
import { benchOptimizersCommand } from './commands/bench-optimizers.ts';
import { benchServeCommand } from './commands/bench-serve.ts';
import { chatCommand } from './commands/chat.ts';
import { checkpointInspectCommand, checkpointVerifyCommand } from './commands/checkpoint.ts';
import { classifyCommand } from './commands/classify.ts';
import { dataCommand } from './commands/data.ts';
import { doctorCommand } from './commands/doctor.ts';
import { embedCommand } from './commands/embed.ts';
import {
  fleetApplyCommand,
  fleetDiffCommand,
  fleetInitCommand,
  fleetPauseCommand,
  fleetResumeCommand,
  fleetStatusCommand,
  fleetWatchCommand,
} from './commands/fleet.ts';
import { generateCommand } from './commands/generate.ts';
import { initCommand } from './commands/init.ts';
import { inspectCommand } from './commands/inspect.ts';
import {
  jobsCancelCommand,
  jobsCreateCommand,
  jobsEventsCommand,
  jobsListCommand,
  jobsPauseCommand,
  jobsResumeCommand,
  jobsShowCommand,
} from './commands/jobs.ts';
import { keysAddCommand } from './commands/keys-add.ts';
import { launchCommand } from './commands/launch.ts';
import { pullCommand } from './commands/pull.ts';
import { quantizeCommand } from './commands/quantize.ts';
import {
  rolloutAbortCommand,
  rolloutClearCommand,
  rolloutNoiseCommand,
  rolloutPauseCommand,
  rolloutPromoteCommand,
  rolloutResumeCommand,
  rolloutStartCommand,
  rolloutStatusCommand,
} from './commands/rollout.ts';
import { adapterSignCommand, baseSignCommand } from './commands/sign.ts';
import { scoreCommand } from './commands/score.ts';
import { serveCommand } from './commands/serve.ts';
import { trainCommand } from './commands/train.ts';

/**
 * All commands in the order of `espalier --help`. To add one, write `commands/<name>.ts` with an exported
 * `<name>Command: CommandDefinition`, import it here and add it to the list.
 */
export const commandList: readonly CommandDefinition[] = [
  trainCommand,
  launchCommand,
  dataCommand,
  generateCommand,
  chatCommand,
  scoreCommand,
  classifyCommand,
  embedCommand,
  serveCommand,
  benchServeCommand,
  benchOptimizersCommand,
  auditCommand,
  doctorCommand,
  keysAddCommand,
  inspectCommand,
  pullCommand,
  quantizeCommand,
  initCommand,
  checkpointInspectCommand,
  checkpointVerifyCommand,
  adapterConvertCommand,
  adapterMergeCommand,
  adapterVerifyCommand,
  adapterSignCommand,
  baseSignCommand,
  adapterDiffCommand,
  adapterListCommand,
  adapterStatusCommand,
  adapterUploadCommand,
  adapterPublishCommand,
  adapterRollbackCommand,
  adapterPinCommand,
  adapterUnpinCommand,
  adapterDrainCommand,
  adapterResumeCommand,
  adapterSetCommand,
  adapterDeleteCommand,
  fleetInitCommand,
  fleetDiffCommand,
  fleetApplyCommand,
  fleetWatchCommand,
  fleetStatusCommand,
  fleetPauseCommand,
  fleetResumeCommand,
  jobsListCommand,
  jobsShowCommand,
  jobsCreateCommand,
  jobsCancelCommand,
  jobsPauseCommand,
  jobsResumeCommand,
  jobsEventsCommand,
  rolloutStartCommand,
  rolloutStatusCommand,
  rolloutPromoteCommand,
  rolloutAbortCommand,
  rolloutPauseCommand,
  rolloutResumeCommand,
  rolloutClearCommand,
  rolloutNoiseCommand,
];
