import { resolve } from 'node:path';
import { onAdapterEvent } from '../core/index.ts';
import { AuditLog } from './audit/audit-log.ts';
import { entryOf } from './audit/audit-record.ts';
import { tellAudit } from './audit/tell-audit.ts';
import { layoutOf, type Layout } from './files/layout.ts';
import { lockStore } from './files/lock-store.ts';
import { recover } from './files/recover.ts';
import { systemFiles, type StoreFiles } from './files/store-files.ts';
import { SeenEntries } from './incoming/seen-entries.ts';
import type { StoreOptions } from './store-options.ts';

/** What is open before a server uses the store. */
export interface OpenedParts {
  readonly layout: Layout;
  readonly files: StoreFiles;
  readonly lock: AsyncDisposable;
  readonly audit: AuditLog;
  readonly subscription: Disposable;
  readonly seen: SeenEntries;
}

/** Locks a store, creates what is missing, and removes what a stopped process left half done. @throws EspalierError STORE_BUSY */
export async function openParts(options: StoreOptions): Promise<OpenedParts> {
  const { files = systemFiles, now, timers, openAudit: openFile } = options;
  const layout = layoutOf(resolve(options.dir));
  const lock = await lockStore(layout);
  try {
    await recover(layout, files);
    const seen = await SeenEntries.open(layout, files);
    const onProblem = (error: unknown): void => tellAudit(error);
    const audit = await AuditLog.open({ folder: layout.dir, onProblem, now, timers, openFile });
    const subscription = onAdapterEvent((event) => audit.append(entryOf(event)));
    return { layout, files, lock, audit, subscription, seen };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}
