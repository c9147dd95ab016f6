import { z } from 'zod';

/** Where GitHub's tokens come from; one provider per account, whoever uses it. */
export const GITHUB_ISSUER = 'token.actions.githubusercontent.com';
export const GITHUB_AUDIENCE = 'sts.amazonaws.com';

/**
 * What a run must be to take a role: on the branch `main`, or for a pull request. A job with `environment:` is neither:
 * its subject names the environment instead, so a job that takes a role has none.
 */
export type RunContext = 'ref:refs/heads/main' | 'pull_request';

const namePart = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/);
const numberPart = z.string().regex(/^[1-9][0-9]{0,19}$/);
const repositorySchema = z.strictObject({
  org: namePart,
  repo: namePart,
  /** Numbers of owner and repository. Repositories made after July 2026 send a subject with both in it. */
  ids: z.strictObject({ org: numberPart, repo: numberPart }).nullable(),
});

export type GithubRepository = z.infer<typeof repositorySchema>;

/**
 * @param name `org/repo`, as GitHub writes it: subjects are compared letter by letter.
 * @throws Error with one sentence that says where to get what is missing.
 */
export function parseRepository(name: string, ids: { org: string; repo: string }): GithubRepository {
  const [org, repo, ...more] = name.split('/');
  const withIds = ids.org !== '' || ids.repo !== '';
  const parsed = repositorySchema.safeParse({ org, repo, ids: withIds ? ids : null });
  if (parsed.success && more.length === 0) return parsed.data;
  const isIdsFault = !parsed.success && parsed.error.issues.every(({ path }) => path[0] === 'ids');
  throw new Error(
    isIdsFault
      ? "Set both GITHUB_REPOSITORY_OWNER_ID and GITHUB_REPOSITORY_ID to numbers, or neither: `gh api repos/ORG/REPO --jq '.owner.id,.id'` prints them."
      : 'Set GITHUB_REPOSITORY to ORG/REPO: `gh repo view --json nameWithOwner --jq .nameWithOwner` prints it.',
  );
}

/** Every subject that such a run of the repository may send, exactly; no pattern, which would match other owners'. */
export function trustedSubjects({ org, repo, ids }: GithubRepository, context: RunContext): string[] {
  const byName = `repo:${org}/${repo}:${context}`;
  return ids === null ? [byName] : [byName, `repo:${org}@${ids.org}/${repo}@${ids.repo}:${context}`];
}

/** Trust policy of a role for such runs. */
export function githubTrust(providerArn: string, repository: GithubRepository, context: RunContext): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: providerArn },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: {
          StringEquals: {
            [`${GITHUB_ISSUER}:aud`]: GITHUB_AUDIENCE,
            [`${GITHUB_ISSUER}:sub`]: trustedSubjects(repository, context),
          },
        },
      },
    ],
  });
}
