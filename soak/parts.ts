import { corruptPart } from './corrupt/part.ts';
import { crashPart } from './crash/part.ts';
import { harmlessPart } from './defects/harmless-part.ts';
import { defectsPart } from './defects/part.ts';
import { disconnectsPart } from './disconnects/part.ts';
import { exchangePart } from './exchange/part.ts';
import { fleetPart } from './fleet/part.ts';
import type { Part } from './finding.ts';
import { ranksPart } from './ranks/part.ts';
import { readinessPart } from './readiness/part.ts';
import { recordsPart } from './records/part.ts';
import { residencyPart } from './residency/part.ts';
import { speedPart } from './speed/part.ts';
import { stormPart } from './storm/part.ts';
import { trainingPart } from './training/part.ts';

export const parts: readonly Part[] = [
  stormPart,
  exchangePart,
  corruptPart,
  residencyPart,
  readinessPart,
  speedPart,
  crashPart,
  defectsPart,
  harmlessPart,
  trainingPart,
  ranksPart,
  disconnectsPart,
  recordsPart,
  fleetPart,
];
