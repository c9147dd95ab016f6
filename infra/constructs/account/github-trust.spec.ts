import { describe, expect, it } from '@jest/globals';
import { githubTrust, parseRepository, trustedSubjects } from './github-trust.ts';

const PLAIN = parseRepository('acme/imaging', { org: '', repo: '' });
const WITH_IDS = parseRepository('acme/imaging', { org: '1234', repo: '56789' });

describe('the subjects of a repository’s runs', () => {
  it('are the one by name, for a run on main and for a pull request', () => {
    expect(trustedSubjects(PLAIN, 'ref:refs/heads/main')).toEqual(['repo:acme/imaging:ref:refs/heads/main']);
    expect(trustedSubjects(PLAIN, 'pull_request')).toEqual(['repo:acme/imaging:pull_request']);
  });

  it('are also the immutable one where the numbers are known', () => {
    expect(trustedSubjects(WITH_IDS, 'ref:refs/heads/main')).toEqual([
      'repo:acme/imaging:ref:refs/heads/main',
      'repo:acme@1234/imaging@56789:ref:refs/heads/main',
    ]);
    expect(trustedSubjects(WITH_IDS, 'pull_request')).toEqual([
      'repo:acme/imaging:pull_request',
      'repo:acme@1234/imaging@56789:pull_request',
    ]);
  });
});

it('trusts GitHub’s word about exactly these, letter by letter', () => {
  expect(JSON.parse(githubTrust('arn:of:provider', WITH_IDS, 'pull_request'))).toEqual({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: 'arn:of:provider' },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: {
          StringEquals: {
            'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
            'token.actions.githubusercontent.com:sub': [
              'repo:acme/imaging:pull_request',
              'repo:acme@1234/imaging@56789:pull_request',
            ],
          },
        },
      },
    ],
  });
});

describe('the name of a repository', () => {
  it.each([
    '',
    'acme',
    'acme/',
    '/imaging',
    'acme/imaging/more',
    'acme/*',
    'acme*/imaging',
    'acme/imaging:x',
    'a@1/b@2',
  ])('is refused as %j, with the command that prints it', (name) => {
    expect(() => parseRepository(name, { org: '', repo: '' })).toThrow(/^Set GITHUB_REPOSITORY to ORG\/REPO: `gh /);
  });

  it.each([
    { org: '1', repo: '' },
    { org: '', repo: '1' },
    { org: 'x', repo: '1' },
    { org: '1', repo: '*' },
    { org: '0', repo: '1' },
  ])('takes both numbers or neither: not $org and $repo', (ids) => {
    expect(() => parseRepository('acme/imaging', ids)).toThrow(/^Set both .* `gh api repos\/ORG\/REPO/);
  });
});
