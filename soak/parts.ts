import { corruptPart } from './corrupt/part.ts';
import { exchangePart } from './exchange/part.ts';
import type { Part } from './finding.ts';
import { residencyPart } from './residency/part.ts';
import { stormPart } from './storm/part.ts';

export const parts: readonly Part[] = [stormPart, exchangePart, corruptPart, residencyPart];
