import type { AdapterReport } from '../adapter-files/index.ts';

/** Describes an adapter as text for a person. @param checked  the base with which it was compared */
export function describeAdapter(
  { format, base, baseFingerprint, digest, parameters, modules, saved, remarks }: AdapterReport,
  checked?: string,
): string {
  const sizes = modules.map(({ path: name, kind, rank, scaling, norm, ...size }) => {
    const shape = `[${size.out}, ${size.in}]${kind === 'linear' ? '' : ` ${kind}`}`;
    return `${name}  ${shape}  rank ${rank}, scale ${scaling}, ‖ΔW‖ ${norm.toPrecision(4)}`;
  });
  return [
    `format      ${format}`,
    `base        ${base ?? 'not said'}${checked === undefined ? ', not checked against one' : `, fits ${checked}`}`,
    `fingerprint ${baseFingerprint ?? 'not said'}${baseFingerprint === undefined ? '' : ' (of the base)'}`,
    `digest      ${digest}`,
    `parameters  ${parameters.toLocaleString('en-US')} in ${modules.length} modules, all finite`,
    ...saved.map((name) => `replaced    ${name}`),
    ...sizes,
    ...remarks.map((remark) => `remark      ${remark}`),
  ].join('\n');
}
