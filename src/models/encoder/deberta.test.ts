import { describe, expect, it } from 'vitest';
import { debertaV2, rowOfDistance } from './deberta.ts';

const sizes = {
  model_type: 'deberta-v2',
  vocab_size: 40,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 28,
};

describe('rowOfDistance', () => {
  // What transformers 5.18 gives for DeBERTa v3: 256 groups, distances below 512.
  it.each([
    [3, 3],
    [128, 128],
    [131, 131],
    [150, 143],
    [200, 169],
    [256, 192],
    [400, 233],
    [511, 255],
    [-3, -3],
    [-130, -130],
    [-300, -207],
    [-511, -255],
  ])('puts the distance %i into the group %i', (distance, group) => {
    expect(rowOfDistance(distance, { buckets: 256, farthest: 512, span: 256 })).toBe(256 + group);
  });

  it('gives every distance a row of its own without groups, up to the last row', () => {
    const rows = [-9, -7, 0, 6, 7].map((each) => rowOfDistance(each, { buckets: -1, farthest: 7, span: 7 }));
    expect(rows).toEqual([0, 0, 7, 13, 13]);
  });
});

describe('the configuration of DeBERTa', () => {
  it.each([
    [{ pos_att_type: 'c2p|p2p' }, 'p2p'],
    [{ attention_head_size: 16 }, 'attention_head_size'],
    [{ pooler_hidden_size: 12 }, 'pooler_hidden_size'],
    [{ conv_kernel_size: 4 }, 'conv_kernel_size'],
    [{ conv_kernel_size: 3, conv_groups: 5 }, 'conv_groups'],
    [{ conv_kernel_size: 3, conv_act: 'mish' }, 'mish'],
  ])('refuses %j by name', (fields, named) => {
    expect(() => debertaV2.read({ ...sizes, ...fields }, 'config.json')).toThrow(named);
  });

  it('has the positions of transformers where the file names none', () => {
    const network = debertaV2.read(sizes, 'config.json').network({ prefix: '', labels: 0 });
    expect(network.distanceVectors).toBeUndefined();
    expect(network.embeddings).toMatchObject({ positions: 'embeddings.position_embeddings', tokenTypes: undefined });
  });
});
