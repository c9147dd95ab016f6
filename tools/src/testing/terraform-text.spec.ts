import { describe, expect, it } from '@jest/globals';
import { countResources, terraformText, type SynthesizedJson } from './terraform-text.ts';

const one = (body: SynthesizedJson) => terraformText({ resource: { aws_thing: { it: body } } });

describe('a synthesized stack as text', () => {
  it('writes attributes, and leaves out what cdktf notes for itself', () => {
    expect(one({ '//': { metadata: { path: 'a' } }, name: 'n', size: 3, open: false, none: null }).trim()).toBe(
      'resource "aws_thing" "it" {\nname = "n"\nsize = 3\nopen = false\n}',
    );
  });

  it('writes objects as blocks, one for each of a list, and tags as a map', () => {
    expect(one({ rule: [{ id: 'a' }, { id: 'b' }] })).toContain('rule {\nid = "a"\n}\nrule {\nid = "b"\n}\n');
    expect(one({ tags: { 'a:b': 'c' } })).toContain('tags = {\n"a:b" = "c"\n}\n');
  });

  it('writes a lone reference bare, so that it is followed, and keeps one inside a text', () => {
    expect(one({ bucket: '${aws_s3_bucket.b.id}' })).toContain('bucket = aws_s3_bucket.b.id\n');
    expect(one({ name: 'a-${aws_s3_bucket.b.id}' })).toContain('name = "a-${aws_s3_bucket.b.id}"\n');
  });

  it('keeps a policy’s quotes as they are', () => {
    expect(one({ policy: '{"Action":"s3:*"}' })).toContain('policy = <<TEXT\n{"Action":"s3:*"}\nTEXT\n');
  });

  it('counts resources and no data sources', () => {
    const stack = { data: { d: { x: {} } }, resource: { a: { x: {}, y: {} }, b: { x: {} } } };
    expect(countResources(stack)).toBe(3);
    expect(terraformText(stack).match(/^(resource|data) /gm)).toHaveLength(4);
  });
});
