export { chartSvg, escapeHtml, type Series } from './chart.ts';
export { page } from './page.ts';
