import { describe, expect, it } from '@jest/globals';
import { parseRequest } from './terraform-command.ts';

const parse = (line: string) => parseRequest(line.split(' '));

describe('the command line', () => {
  it.each([
    ['plan dev', { command: 'plan', environment: 'dev', lock: 'held', shown: 'all', textFile: null }],
    [
      'plan prod --no-lock --quiet --text /tmp/t',
      { command: 'plan', environment: 'prod', lock: 'none', shown: 'errors', textFile: '/tmp/t' },
    ],
    ['deploy prod', { command: 'deploy', environment: 'prod', isApproved: false }],
    ['deploy dev --approve', { command: 'deploy', environment: 'dev', isApproved: true }],
    ['destroy dev', { command: 'destroy', confirmation: null }],
    ['destroy dev --confirm dev', { command: 'destroy', confirmation: 'dev' }],
  ])('%s', (line, request) => {
    expect(parse(line)).toEqual(request);
  });

  it.each([
    '',
    'plan',
    'plan staging',
    'deploy dev prod',
    'deploy dev --confirm dev',
    'deploy dev --quiet',
    'plan dev --nothing',
    'apply dev',
  ])('shows how it goes for: %s', (line) => {
    expect(() => parse(line)).toThrow('usage: ');
  });

  it.each(['destroy prod', 'destroy prod --confirm prod'])('refuses %s by name', (line) => {
    expect(() => parse(line)).toThrow('prod is not destroyed by a command');
  });
});
