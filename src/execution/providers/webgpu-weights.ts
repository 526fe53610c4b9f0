import { definePass, Tape, type Node, type Pass } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';

/** Inputs are rounded in groups of as many elements by WebGPU's kernel of level 4, whatever the blocks of the weight are. */
const roundedTogether = 128;

/**
 * Lets products with quantized weights compute in f32 where WebGPU would round their inputs more coarsely than the CPU does.
 *
 * WHY: accuracy level 4 rounds the inputs to 8 bits. ONNX Runtime 1.30 does it for each block of the weight on the CPU, and for each 128
 * elements on WebGPU. Where a block has 128 elements both compute the same; with smaller ones the error on WebGPU was up to 2.4 times
 * that of the CPU. Levels 0 and 1 are exact on both.
 */
export const exactBlocks: Pass = definePass('exact-blocks', (model) =>
  model.graph.nodes.flatMap((node) => {
    const isProduct = node.domain === 'com.microsoft' && node.opType === 'MatMulNBits';
    if (!isProduct || node.intAttribute('accuracy_level', 0) !== 4) return [];
    if (node.intAttribute('block_size', 0) >= roundedTogether) return [];
    node.deleteAttribute('accuracy_level');
    return [`${node.label} computes in f32`];
  }),
);

/**
 * Reads rows of a table of f16 from the table in f32, for devices without f16.
 *
 *   Cast(Gather(table, ids))  →  Gather(Cast(table), ids)
 *
 * ONNX Runtime computes the second Cast once, on the CPU. WHY: such a device refuses the run, since ONNX Runtime gives it the rows of f16.
 */
export const floatTables: Pass = definePass('float-tables', (model) =>
  model.graph.nodes.flatMap((node) => {
    const [table, ids] = node.inputs;
    const casts = castsOf(node);
    if (node.opType !== 'Gather' || table?.constant === undefined || ids === undefined || casts === undefined)
      return [];
    if (table.dtype !== 'float16') return [];
    const tape = new Tape(model, { scope: `${node.label}/floats`, insertBefore: node });
    const floats = tape.op('Cast', [table], { attributes: { to: dataTypeNumber('float32') } });
    const rows = tape.op('Gather', [floats, ids], { attributes: { axis: node.intAttribute('axis', 0) } });
    for (const cast of casts) {
      const [y] = cast.outputs;
      if (y) model.graph.replaceAllUses(y, rows);
      model.graph.removeNode(cast);
    }
    model.graph.removeNode(node);
    return [`${node.label} reads floats`];
  }),
);

/** The nodes that read the rows, if each of them makes f32 of them. */
function castsOf({ outputs: [rows] }: Node): readonly Node[] | undefined {
  if (rows === undefined || rows.isGraphOutput || rows.uses.size === 0) return undefined;
  const readers = [...rows.uses].map(({ node }) => node);
  return readers.every(makesFloats) ? readers : undefined;
}

function makesFloats(node: Node): boolean {
  return node.opType === 'Cast' && node.intAttribute('to', 0) === dataTypeNumber('float32');
}
