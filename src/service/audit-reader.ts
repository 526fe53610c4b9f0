import { type AuditPage, type AuditPageQuery, readAuditPage } from '../adapter-store/index.ts';

/** Reads the audit record of a store. */
export interface AuditReader {
  /** A part of the record, the latest first. */
  page(query: AuditPageQuery): Promise<AuditPage>;
}

/** The record in a store's folder. */
export function auditReaderOf(storeFolder: string): AuditReader {
  return { page: (query) => readAuditPage(storeFolder, query) };
}
