/**
 * Metadata key on a Gather along the first axis that picks no row twice. Its gradient is then a copy of rows instead of a sum over
 * all elements, each with an index of its own.
 */
export const distinctRowsKey = 'espalier.distinct_rows';
