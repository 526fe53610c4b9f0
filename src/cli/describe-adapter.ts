import type { AdapterReport } from '../adapters/index.ts';

/** What an adapter was found to be, for a person. @param checked  the base that it was compared with */
export function describeAdapter(
  { format, base, sha256, parameters, modules, saved, remarks }: AdapterReport,
  checked?: string,
): string {
  const sizes = modules.map(({ path: name, kind, rank, scaling, norm, ...size }) => {
    const shape = `[${size.out}, ${size.in}]${kind === 'linear' ? '' : ` ${kind}`}`;
    return `${name}  ${shape}  rank ${rank}, scale ${scaling}, ‖ΔW‖ ${norm.toPrecision(4)}`;
  });
  return [
    `format      ${format}`,
    `base        ${base ?? 'not said'}${checked === undefined ? ', not checked against one' : `, fits ${checked}`}`,
    `sha256      ${sha256}`,
    `parameters  ${parameters.toLocaleString('en-US')} in ${modules.length} modules, all finite`,
    ...saved.map((name) => `replaced    ${name}`),
    ...sizes,
    ...remarks.map((remark) => `remark      ${remark}`),
  ].join('\n');
}
