import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  inferForm,
  leftovers,
  NOTHING,
  postInfer,
  problemOf,
  startTestApi,
  type TestApi,
} from './testing/api-harness.ts';
import {
  commandMember,
  float32Imgs,
  int16Imgs,
  npy,
  npzOf,
  promptsMember,
  spacingMember,
  uint8Imgs,
  usualNpz,
  zip,
} from './testing/npz.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => api.close());

/** The request is refused with this status and code, and leaves nothing. */
async function expectRefusal(form: FormData, status: number, code: string): Promise<Record<string, unknown>> {
  const response = await postInfer(api, form);
  const problem = await problemOf(response);
  expect([response.status, problem.code]).toEqual([status, code]);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(problem.instance).toBe(response.headers.get('x-request-id'));
  expect(await leftovers(api)).toEqual(NOTHING);
  return problem;
}

const withPrompts = (prompts: Record<string, string | number>): Buffer => npzOf(uint8Imgs(), [promptsMember(prompts)]);
const patched = (offset: (file: Buffer) => number, value: number): Buffer => {
  const file = usualNpz();
  file.writeUInt16LE(value, offset(file));
  return file;
};
const directoryAt = (file: Buffer): number => file.indexOf('PK\x01\x02', 0, 'latin1');

describe('a file that is refused', () => {
  it.each<[string, () => Buffer, string]>([
    ['not a zip', () => Buffer.from('PK is not enough'), 'not_a_zip'],
    ['cut off', () => usualNpz().subarray(0, -30), 'zip_truncated'],
    ['a damaged member', () => patched((file) => directoryAt(file) + 16, 0xdead), 'zip_crc_mismatch'],
    ['an encrypted member', () => patched((file) => directoryAt(file) + 8, 1), 'zip_encrypted'],
    ['a member that lies about its size', () => patched((file) => directoryAt(file) + 24, 77), 'zip_size_mismatch'],
    ['a path as a name', () => zip([{ name: '../imgs.npy', data: uint8Imgs() }]), 'zip_member_name'],
    ['a member twice', () => npzOf(uint8Imgs(), [{ name: 'imgs.npy', data: uint8Imgs() }]), 'zip_duplicate_member'],
    ['no imgs', () => zip([spacingMember([1, 1, 1])]), 'missing_member'],
    ['a header that runs code', () => npzOf(npy('|u1', '(__import__("os"),)', Buffer.alloc(1))), 'npy_header'],
    ['two dimensions', () => npzOf(npy('|u1', '(4, 4)', Buffer.alloc(16, 7))), 'rank_invalid'],
    ['a dimension of zero', () => npzOf(npy('|u1', '(4, 0, 4)', Buffer.alloc(0))), 'shape_invalid'],
    ['fewer bytes than its shape', () => npzOf(npy('|u1', '(4, 4, 4)', Buffer.alloc(3))), 'npy_size_mismatch'],
    ['another data type', () => npzOf(npy('<u4', '(2, 2, 2)', Buffer.alloc(32))), 'dtype_unsupported'],
    ['HU values', () => npzOf(int16Imgs((index) => index - 1000)), 'intensity_range'],
    ['NaN', () => npzOf(float32Imgs((index) => (index === 9 ? Number.NaN : index))), 'not_finite'],
    ['one value only', () => npzOf(float32Imgs(() => 1)), 'intensity_flat'],
    ['a spacing of zero', () => npzOf(uint8Imgs(), [spacingMember([0, 1, 1])]), 'spacing_invalid'],
    ['a pickled command', () => npzOf(uint8Imgs(), [commandMember('touch /tmp/owned')]), 'pickle_unsupported'],
    ['an empty prompt', () => withPrompts({ 1: '' }), 'prompts_malformed'],
    ['a blank prompt', () => withPrompts({ 1: '  ' }), 'prompts_malformed'],
    ['a prompt that is too long', () => withPrompts({ 1: 'x'.repeat(1001) }), 'prompts_malformed'],
    ['a separator in a prompt', () => withPrompts({ 1: 'liver [SEP] spleen' }), 'prompts_malformed'],
    ['a control character in a prompt', () => withPrompts({ 1: 'liver\u0007' }), 'prompts_malformed'],
    ['the label 0', () => withPrompts({ 0: 'liver' }), 'prompts_malformed'],
    ['the label 256', () => withPrompts({ 256: 'liver' }), 'prompts_malformed'],
    ['the label 01', () => withPrompts({ '01': 'liver' }), 'prompts_malformed'],
  ])('%s', async (_name, file, code) => {
    await expectRefusal(inferForm({}, file()), 422, code);
  });

  it('nothing at all', async () => {
    await expectRefusal(inferForm({}, null), 400, 'file_missing');
    await expectRefusal(inferForm({}, Buffer.alloc(0)), 400, 'file_missing');
    await expectRefusal(inferForm({ file: 'sent as text' }, null), 400, 'file_missing');
  });

  it('missing prompts where the model requires them', async () => {
    await expectRefusal(inferForm({ model: 'prompted' }), 422, 'prompts_required');
  });

  it('a bomb', async () => {
    const bomb = npzOf(npy('|u1', '(2048, 2048, 1024)', Buffer.alloc(0)));
    await expectRefusal(inferForm({}, bomb), 413, 'too_large');
  });
});

describe('a field that is refused', () => {
  it.each([
    ['model', 'no-such-model', 'model_unknown'],
    ['model', '__proto__', 'model_unknown'],
    ['model', 'm'.repeat(5_000), 'model_unknown'],
    ['params', 'no json', 'params_invalid'],
    ['params', '[]', 'params_invalid'],
    ['params', 'null', 'params_invalid'],
    ['params', '{"resolution":"double"}', 'params_invalid'],
    ['params', '{"invented":1}', 'params_invalid'],
    ['params', '{"__proto__":{"rounds":1}}', 'params_invalid'],
    ['params', `{"resolution":"${'x'.repeat(5_000)}"}`, 'params_invalid'],
    ['geometry', '{"affine":[[1,0,0,0]]}', 'geometry_invalid'],
    ['geometry', '{"affine":[[0,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}', 'geometry_invalid'],
    ['geometry', '{"spacing_order":"yxz"}', 'geometry_invalid'],
    ['geometry', '7', 'geometry_invalid'],
    ['external_job_id', '', 'external_job_id_invalid'],
    ['external_job_id', 'two\nlines', 'external_job_id_invalid'],
    ['external_job_id', 'x'.repeat(129), 'external_job_id_invalid'],
  ])('%s (%#)', async (name, value, code) => {
    await expectRefusal(inferForm({ [name]: value }), 422, code);
  });

  it('names the model’s own params that are at fault, and no others', async () => {
    const params = '{"rounds":99,"resolution":"x","invented":1}';
    const problem = await expectRefusal(inferForm({ params }), 422, 'params_invalid');
    expect(problem['fields']).toEqual(['resolution', 'rounds']);
    expect(JSON.stringify(problem)).not.toContain('invented');
  });

  it('unknown, repeated, nested, or a second file', async () => {
    await expectRefusal(inferForm({ patient: 'x' }), 400, 'field_unknown');
    await expectRefusal(inferForm({ 'params[rounds]': '1' }), 400, 'field_unknown');
    await expectRefusal(inferForm({ __proto__x: 'x', constructor: 'y' }), 400, 'field_unknown');
    const twice = inferForm({ model: 'fixed' });
    twice.append('model', 'fixed');
    await expectRefusal(twice, 400, 'field_unknown');
    const twoFiles = inferForm();
    twoFiles.append('file', new File(['x'], 'b.npz'));
    await expectRefusal(twoFiles, 400, 'field_unknown');
    const otherName = inferForm({}, null);
    otherName.set('volume', new File([Uint8Array.from(usualNpz())], 'a.npz'));
    await expectRefusal(otherName, 400, 'field_unknown');
    const many = inferForm();
    for (let index = 0; index < 50; index += 1) many.set(`field_${index}`, 'x');
    await expectRefusal(many, 400, 'field_unknown');
  });
});
