import { describe, expect, it } from '@jest/globals';
import { modelMetricsSchema } from './model-metrics.ts';

const WHOLE = {
  prompts: [{ id: 1, existence_score: 0.93 }, { id: 2, existence_score: null }, { id: 9_999 }],
  seed: 0,
  axis: 2,
  slice_batch_size: 2,
  out_of_memory_count: 1,
  device: 'cuda:0',
};

describe('metrics.json', () => {
  it.each<[string, object, object]>([
    ['all that the platform reads', WHOLE, WHOLE],
    ['nothing', {}, {}],
    ['what other models report', { patches: 12, load_ms: 3, seconds: { load: 1 } }, {}],
    ['more about a prompt', { prompts: [{ id: 1, voxels: 7, slices: 2 }] }, { prompts: [{ id: 1 }] }],
    ['nulls', { seed: null, prompts: null, device: null }, { seed: null, prompts: null, device: null }],
  ])('may hold %s', (_, written, read) => {
    expect(modelMetricsSchema.parse(written)).toEqual(read);
  });

  it.each([
    ['a score above 1', '{"prompts": [{"id": 1, "existence_score": 1.01}]}'],
    ['a negative score', '{"prompts": [{"id": 1, "existence_score": -0.01}]}'],
    ['an infinite score', '{"prompts": [{"id": 1, "existence_score": 1e999}]}'],
    ['an infinite count', '{"out_of_memory_count": 1e999}'],
    ['a negative count', '{"out_of_memory_count": -1}'],
    ['a huge count', '{"slice_batch_size": 1000001}'],
    ['a seed that no program holds', '{"seed": 9007199254740993}'],
    ['half a seed', '{"seed": 0.5}'],
    ['a fourth axis', '{"axis": 3}'],
    ['a device of many words', '{"device": "Jane Doe 1970"}'],
    ['a long device', `{"device": "${'x'.repeat(33)}"}`],
    ['more prompts than there are labels', `{"prompts": [${Array(256).fill('{"id": 1}').join()}]}`],
    ['text as a prompt', '{"prompts": ["liver"]}'],
    ['a list', '[]'],
    ['null', 'null'],
  ])('may not be or have %s', (_, text) => {
    expect(modelMetricsSchema.safeParse(JSON.parse(text)).success).toBe(false);
  });
});
