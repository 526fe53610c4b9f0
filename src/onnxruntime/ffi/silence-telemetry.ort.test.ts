import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEnvironment } from '../environment.ts';
import { silenceTelemetry } from './silence-telemetry.ts';

describe('silenceTelemetry', () => {
  it.each([
    [{}, [['ORT_DISABLE_TELEMETRY', '1']]],
    [{ ORT_DISABLE_TELEMETRY: '0' }, []],
    [{ ORT_DISABLE_TELEMETRY: '' }, []],
  ])('sets the variable in %o only if the user has not', (environment, expected) => {
    const set: string[][] = [];
    silenceTelemetry(environment, (name, value) => set.push([name, value]));
    expect(set).toEqual(expected);
  });

  it.runIf(process.platform === 'linux')('is done before the library is loaded, which then begins no report', () => {
    using environment = openEnvironment({ threads: 1 });
    expect(environment.threads).toBe(1);
    for (const folder of new Set([tmpdir(), '/tmp'])) {
      expect(existsSync(join(folder, `mat-debug-${process.pid}.log`))).toBe(false);
    }
    const files = readFileSync('/proc/self/maps', 'utf8');
    expect(files).toContain('libonnxruntime');
    expect(files).not.toContain('Microsoft');
  });
});
