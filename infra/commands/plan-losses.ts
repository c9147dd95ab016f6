import { z } from 'zod';
import type { CommandContext } from './command-context.ts';
import { CommandError } from './command-error.ts';

const policySchema = z.object({ assume_role_policy: z.string() });

/** What matters here of `terraform show -json` of a plan. */
export const plannedSchema = z.object({
  resource_changes: z
    .array(
      z.object({
        address: z.string(),
        change: z.object({
          actions: z.array(z.string()),
          before: z.unknown().optional(),
          after: z.unknown().optional(),
        }),
      }),
    )
    .default([]),
  planned_values: z
    .object({ outputs: z.record(z.string(), z.object({ value: z.unknown() })).default({}) })
    .default({ outputs: {} }),
});
export type Planned = z.infer<typeof plannedSchema>;
type Change = Planned['resource_changes'][number];

/** A subject with the numbers of owner and repository, as `trustedSubjects` writes it. */
const NUMBERED_SUBJECT = /repo:[^"\s]+@\d+\/[^"\s]+@\d+:[^"\s]+/g;
const PROVIDER = /^aws_iam_openid_connect_provider\./;

/**
 * What an account needs once is decided by the variables of that day's shell. One that is forgotten the next time takes
 * away what it stood for, and what protects a resource goes with its block.
 * @throws CommandError for a plan that deletes or replaces anything, or no longer trusts a repository by its numbers
 */
export function refuseLosses({ env }: Pick<CommandContext, 'env'>, { resource_changes: changes }: Planned): void {
  const deleted = changes.filter(({ change }) => change.actions.includes('delete')).map(({ address }) => address);
  const distrusting = changes.filter(losesSubjects).map(({ address }) => address);
  if (deleted.length + distrusting.length === 0) return;
  const sentences = [
    ...(deleted.length === 0 ? [] : [`The plan would delete or replace ${deleted.join(', ')}.`]),
    ...(distrusting.length === 0
      ? []
      : [`The plan would have ${distrusting.join(', ')} no longer trust the repository by its numbers.`]),
    ...hints(env, deleted, distrusting),
    'If it is meant so, run `npx nx run infra:bootstrap -- --allow-deletions`. Nothing was changed.',
  ];
  throw new CommandError(sentences.join('\n'));
}

function hints(env: CommandContext['env'], deleted: readonly string[], distrusting: readonly string[]): string[] {
  const isProviderLost = deleted.some((address) => PROVIDER.test(address)) && env['OIDC_PROVIDER'] !== 'create';
  const said = [
    ...(isProviderLost ? ['An earlier run made the provider: `export OIDC_PROVIDER=create`, and run this again.'] : []),
    ...(distrusting.length > 0
      ? [
          'An earlier run had both numbers: `export GITHUB_REPOSITORY_OWNER_ID=… GITHUB_REPOSITORY_ID=…`, which `gh api repos/ORG/REPO --jq .owner.id,.id` prints, and run this again.',
        ]
      : []),
  ];
  const generic =
    'Set what was set in the run before (GITHUB_REPOSITORY; OIDC_PROVIDER=create, GITHUB_REPOSITORY_OWNER_ID and GITHUB_REPOSITORY_ID where they were), and run this again.';
  return said.length > 0 ? said : [generic];
}

function losesSubjects({ change: { before, after } }: Change): boolean {
  const kept = numberedSubjects(after);
  // Not known before it is applied, or no role at all.
  if (kept === null) return false;
  return (numberedSubjects(before) ?? []).some((subject) => !kept.includes(subject));
}

function numberedSubjects(role: unknown): string[] | null {
  const parsed = policySchema.safeParse(role);
  return parsed.success ? (parsed.data.assume_role_policy.match(NUMBERED_SUBJECT) ?? []) : null;
}
