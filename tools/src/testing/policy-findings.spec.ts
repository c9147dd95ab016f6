import { describe, expect, it } from '@jest/globals';
import { judge, parseReport, type Finding } from './policy-findings.ts';
import { SKIPS } from './policy-skips.ts';

const finding = (resource: string, check = 'CKV_AWS_18'): Finding => ({ check, resource, rule: 'a rule' });
const skip = (resources: RegExp, check = 'CKV_AWS_18') => ({ check, resources, reason: 'because' });

describe('findings and the skips for them', () => {
  it('complains of what no skip covers', () => {
    const other = finding('dev:aws_s3_bucket.other');
    const { findings } = judge([finding('dev:aws_s3_bucket.jobs'), other], [skip(/dev:aws_s3_bucket\.jobs/)]);
    expect(findings).toEqual([other]);
  });

  it('takes a skip for its own check and for whole names only', () => {
    const found = [finding('dev:aws_s3_bucket.jobs', 'CKV_AWS_20'), finding('dev:aws_s3_bucket.jobs2')];
    expect(judge(found, [skip(/dev:aws_s3_bucket\.jobs/)]).findings).toEqual(found);
  });

  it('complains of a skip that covers nothing', () => {
    const idle = skip(/prod:.*/);
    expect(judge([finding('dev:aws_s3_bucket.jobs')], [skip(/dev:.*/), idle]).idle).toEqual([idle]);
  });

  it('reads the stack from the folder of a finding', () => {
    const failed = {
      check_id: 'CKV_AWS_18',
      check_name: 'a rule',
      resource: 'aws_s3_bucket.b',
      file_path: '/dev/main.tf',
    };
    const json = { summary: { resource_count: 7, parsing_errors: 1 }, results: { failed_checks: [failed] } };
    expect(parseReport(JSON.stringify(json))).toEqual({
      resources: 7,
      unreadable: 1,
      findings: [finding('dev:aws_s3_bucket.b')],
    });
  });
});

it.each(SKIPS.map(({ check, resources, reason }) => ({ check, resources: resources.source, reason })))(
  'the skip of $check for $resources names its stack and gives a reason',
  ({ resources, reason }) => {
    expect(resources).toMatch(/^\(?(bootstrap|dev|prod)/);
    expect(reason.length).toBeGreaterThan(40);
  },
);
