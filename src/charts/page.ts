import { escapeHtml } from './chart.ts';

/** Colours that differ also for those who do not see red or green well (Okabe and Ito). */
const style = `
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--faint:#d7d7d7;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#e69f00;--c5:#56b4e9}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#151515;--faint:#3c3c3c}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;width:100%}th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--faint)}
th:first-child,td:first-child{text-align:left}figure{margin:1.5rem 0}figcaption{font-weight:600}
.words th,.words td{text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere}.words th{font-weight:600}
svg{width:100%;height:auto}.grid{stroke:var(--faint)}.tick,.axis{fill:var(--ink);font-size:12px}polyline{fill:none;stroke-width:2}
.key{font-weight:400}.key::before{content:"";display:inline-block;width:.7em;height:.7em;margin:0 .35em 0 .7em}
${[0, 1, 2, 3, 4, 5].map((i) => `polyline.s${i}{stroke:var(--c${i})}circle.s${i}{fill:var(--c${i})}.key.s${i}::before{background:var(--c${i})}`).join('')}
`;

/**
 * A page for charts and tables, light or dark as the reader has it. It needs no network and no script.
 *
 * @param body  HTML, whose texts are escaped
 */
export function page({ title, body }: { readonly title: string; readonly body: string }): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${body}
</main></body></html>
`;
}
