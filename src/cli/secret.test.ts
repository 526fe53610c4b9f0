import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secretOf, type SecretSources } from './secret.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-secret-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sources: SecretSources = {
  environment: { KEY: 'from the environment', EMPTY: '', LINES: 'a\nb' },
  readFile: () => 'from a file\n',
  run: (program, words) => [program, ...words].join(' '),
};

describe('a secret', () => {
  it.each([
    ['sk-1234', 'sk-1234'],
    ['profile:x', 'profile:x'],
    ['env:KEY', 'from the environment'],
    ['file:/run/secrets/key', 'from a file'],
    ['sops:keys.yaml#espalier.admin', 'sops decrypt --extract ["espalier"]["admin"] -- keys.yaml'],
    ['sops:a#b.yaml#keys.0', 'sops decrypt --extract ["keys"][0] -- a#b.yaml'],
  ])('is what %s refers to', (text, secret) => {
    expect(secretOf(text, sources)).toBe(secret);
  });

  it.each([
    ['env:NONE', 'no variable NONE is set'],
    ['env:EMPTY', 'it is empty'],
    ['env:LINES', 'it has several lines'],
    ['sops:keys.yaml', 'it does not say which value'],
  ])('is not found by %s', (text, problem) => {
    expect(() => secretOf(text, sources)).toThrow(problem);
  });

  it('is read from real files, and a missing one is named', () => {
    writeFileSync(join(folder, 'key'), 'sk-5678\n');
    expect(secretOf(`file:${join(folder, 'key')}`)).toBe('sk-5678');
    expect(() => secretOf(`file:${join(folder, 'other')}`)).toThrow(/ENOENT.*other/);
  });

  it('is given by the program of the machine, whose first line says why not', () => {
    const path = process.env['PATH'];
    const program = join(folder, 'sops');
    process.env['PATH'] = `${folder}${delimiter}${path ?? ''}`;
    try {
      writeFileSync(program, '#!/bin/sh\nprintf "sk-%s" "$#"\n');
      chmodSync(program, 0o755);
      expect(secretOf('sops:keys.yaml#admin')).toBe('sk-5');
      writeFileSync(program, '#!/bin/sh\necho "no key could decrypt it" >&2\necho sk-9999 >&2\nexit 128\n');
      expect(() => secretOf('sops:keys.yaml#admin')).toThrow(
        expect.objectContaining({
          message: expect.stringMatching(/no key could decrypt it(?![\s\S]*sk-9999)/) as string,
        }) as Error,
      );
      process.env['PATH'] = folder;
      rmSync(program);
      expect(() => secretOf('sops:keys.yaml#admin')).toThrow('there is no sops on this machine');
    } finally {
      process.env['PATH'] = path;
    }
  });
});
