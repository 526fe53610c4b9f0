export { AuditLog, type AuditLogOptions } from './audit/audit-log.ts';
export { entryOf, type AuditRecord } from './audit/audit-record.ts';
export { type AuditProblem, type AuditReport, readAudit } from './audit/read-audit.ts';
