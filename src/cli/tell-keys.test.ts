import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import { noteOfKeys, reloadOnHangup } from './tell-keys.ts';

describe('noteOfKeys', () => {
  it('says what came of the file', () => {
    const path = 'keys.yaml';
    const error = new EspalierError('KEYS_FILE_INVALID', { path, problem: 'a list of keys is expected' });
    expect(noteOfKeys({ event: 'loaded', path, count: 2 })).toBe('Keys of keys.yaml: 2');
    expect(noteOfKeys({ event: 'refused', path, error })).toContain('The keys stay as they are. The file of keys');
    expect(noteOfKeys({ event: 'open', path, mode: '644' })).toContain('chmod 600 keys.yaml');
  });
});

describe('reloadOnHangup', () => {
  it('listens to SIGHUP while there is a file, and no longer', () => {
    const source = new EventEmitter();
    let reloads = 0;
    const reloadKeys = async (): Promise<void> => void reloads++;
    const listening = reloadOnHangup(true, { reloadKeys }, source);
    source.emit('SIGHUP');
    listening[Symbol.dispose]();
    source.emit('SIGHUP');
    expect([reloads, source.listenerCount('SIGHUP')]).toEqual([1, 0]);
    reloadOnHangup(false, { reloadKeys }, source);
    expect(source.listenerCount('SIGHUP')).toBe(0);
  });
});
