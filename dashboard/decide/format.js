/** How numbers and times are written. Pure functions. */

/** @param {number | null | undefined} value @returns {string} */
export function formatCount(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1e6) return `${trim(value / 1e6)} M`;
  if (Math.abs(value) >= 1e4) return `${trim(value / 1e3)} k`;
  return Number.isInteger(value) ? String(value) : trim(value);
}

/** A number of things a second. @param {number | undefined} value @returns {string} */
export function formatRate(value) {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  return value < 0.05 ? '<0.1' : value < 10 ? value.toFixed(1) : formatCount(Math.round(value));
}

/** @param {number | null | undefined} ms @returns {string} */
export function formatDuration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms === 0) return '0 ms';
  if (ms < 1) return '<1 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** How long ago something was. @param {string | null | undefined} time in ISO 8601 @param {number} now @returns {string} */
export function formatAge(time, now) {
  const then = time === null || time === undefined ? NaN : Date.parse(time);
  if (Number.isNaN(then)) return '–';
  const ms = now - then;
  return ms < 1000 ? 'now' : formatDuration(ms);
}

/** @param {number | null | undefined} bytes @returns {string} */
export function formatBytes(bytes) {
  if (bytes === null || bytes === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : trim(value)} ${units[unit]}`;
}

/** A share from 0 to 1. @param {number | null | undefined} share @returns {string} */
export function formatShare(share) {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–';
  const percent = share * 100;
  return `${percent === 0 || percent === 100 || percent >= 10 ? Math.round(percent * 10) / 10 : percent.toFixed(1)} %`;
}

/** The first digits of a version. @param {string | null | undefined} version @returns {string} */
export function shortVersion(version) {
  return version ? version.slice(0, 10) : '–';
}

/** The time of day in the place of the reader. @param {string | number} time in ISO 8601, or Unix time in milliseconds @returns {string} */
export function timeOfDay(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '–' : date.toLocaleTimeString([], { hour12: false });
}

/** @param {number} value @returns {string} */
function trim(value) {
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}
