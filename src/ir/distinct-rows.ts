/**
 * Metadata key on a Gather along the first axis whose indices are distinct. Its gradient then copies rows, which is cheaper than the
 * general sum over all elements.
 */
export const distinctRowsKey = 'espalier.distinct_rows';
